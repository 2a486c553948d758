// Package provenance says of an artifact where it came from, in the form that others verify: an in-toto statement
// (v1) with a SLSA provenance predicate (v1). It is derived from the build's record alone.
package provenance

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	provenance "github.com/in-toto/attestation/go/predicates/provenance/v1"
	intoto "github.com/in-toto/attestation/go/v1"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/record"
)

// BuildType names how the parameters of the predicate are to be read; docs/reference/record.md says it in words.
const BuildType = "https://wasmill.dev/build-type/recipe/v1"

// predicateType is SLSA's (https://slsa.dev/spec/v1.0/provenance).
const predicateType = "https://slsa.dev/provenance/v1"

// Statement is the provenance of a passed build, as JSON. version is wasmill's. The statement says in words which
// compiler made the artifact: what a distribution ships is not what Pyodide patches.
func Statement(b *record.Build, version string) ([]byte, error) {
	text, err := statement(b, version)
	if err != nil {
		return nil, fmt.Errorf("writing the provenance of %s: %w", b.Recipe, err)
	}
	return text, nil
}

func statement(b *record.Build, version string) ([]byte, error) {
	if len(b.Artifacts) == 0 {
		return nil, fault.Errorf(fault.Invalid, "it has no artifact")
	}
	external, err := structpb.NewStruct(map[string]any{"recipe": b.Recipe, "version": b.Version, "toolchain": b.Toolchain.Name})
	if err != nil {
		return nil, err
	}
	internal, err := structpb.NewStruct(map[string]any{"key": b.Key, "compiler": b.Toolchain.Compiler})
	if err != nil {
		return nil, err
	}
	deps, err := dependencies(b)
	if err != nil {
		return nil, err
	}
	finished := b.Started
	for _, p := range b.Phases {
		finished = finished.Add(time.Duration(p.Seconds * float64(time.Second)))
	}
	predicate := &provenance.Provenance{
		BuildDefinition: &provenance.BuildDefinition{
			BuildType: BuildType, ExternalParameters: external, InternalParameters: internal, ResolvedDependencies: deps,
		},
		RunDetails: &provenance.RunDetails{
			Builder:  &provenance.Builder{Id: "https://wasmill.dev/builder", Version: map[string]string{"wasmill": version}},
			Metadata: &provenance.BuildMetadata{InvocationId: b.Key, StartedOn: timestamppb.New(b.Started), FinishedOn: timestamppb.New(finished)},
		},
	}
	if b.Log != nil {
		predicate.RunDetails.Byproducts = []*intoto.ResourceDescriptor{{Name: "log", Digest: digestSet(b.Log.Digest), MediaType: "text/plain"}}
	}
	if b.Reproduction != nil {
		again, err := secondBuild(b)
		if err != nil {
			return nil, err
		}
		predicate.RunDetails.Byproducts = append(predicate.RunDetails.Byproducts, again)
	}
	inner, err := asStruct(predicate)
	if err != nil {
		return nil, err
	}
	s := &intoto.Statement{Type: intoto.StatementTypeUri, PredicateType: predicateType, Predicate: inner}
	for _, a := range b.Artifacts {
		s.Subject = append(s.Subject, &intoto.ResourceDescriptor{Name: a.Filename, Digest: digestSet(a.Digest)})
	}
	if err := s.Validate(); err != nil {
		return nil, err
	}
	return stable(s)
}

// secondBuild says of the log of a second build what came of it: SLSA has no place of its own for what others have confirmed.
func secondBuild(b *record.Build) (*intoto.ResourceDescriptor, error) {
	r := b.Reproduction
	about, err := structpb.NewStruct(map[string]any{
		"reproduced": r.Same, "startedOn": r.Started.UTC().Format(time.RFC3339), "workers": []any{b.Worker, r.Worker},
	})
	return &intoto.ResourceDescriptor{Name: "log of a second build", Digest: digestSet(r.Log.Digest), MediaType: "text/plain", Annotations: about}, err
}

// asStruct is a message as the free-form part of another.
func asStruct(m proto.Message) (*structpb.Struct, error) {
	text, err := protojson.Marshal(m)
	if err != nil {
		return nil, err
	}
	s := &structpb.Struct{}
	return s, protojson.Unmarshal(text, s)
}

// stable is a message as JSON that is the same each time: protojson varies its white space on purpose.
func stable(m proto.Message) ([]byte, error) {
	text, err := protojson.Marshal(m)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	if err := json.Indent(&out, text, "", "  "); err != nil {
		return nil, err
	}
	out.WriteByte('\n')
	return out.Bytes(), nil
}

func dependencies(b *record.Build) ([]*intoto.ResourceDescriptor, error) {
	var deps []*intoto.ResourceDescriptor
	add := func(kind, name, uri string, digest record.Digest) error {
		about, err := structpb.NewStruct(map[string]any{"kind": kind})
		deps = append(deps, &intoto.ResourceDescriptor{Name: name, Uri: uri, Digest: digestSet(digest), Annotations: about})
		return err
	}
	for _, in := range b.Inputs {
		if err := add(in.Kind, in.Name, in.URL, in.Digest); err != nil {
			return nil, err
		}
	}
	for _, r := range b.Requires {
		if err := add("requirement", r.File, fmt.Sprintf("pkg:pypi/%s@%s", r.Name, r.Version), r.Digest); err != nil {
			return nil, err
		}
	}
	return deps, nil
}

func digestSet(d record.Digest) map[string]string {
	algorithm, hex, ok := strings.Cut(string(d), ":")
	if !ok {
		return nil
	}
	return map[string]string{algorithm: hex}
}
