// Package provenance says of an artifact where it came from, in the form that others verify: an in-toto statement
// (v1) with a SLSA provenance predicate (v1). It is derived from the build's record alone.
package provenance

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/in-toto/in-toto-golang/in_toto/slsa_provenance/common"
	slsa "github.com/in-toto/in-toto-golang/in_toto/slsa_provenance/v1"

	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/record"
)

// BuildType names how the parameters of the predicate are to be read; docs/reference/record.md says it in words.
const BuildType = "https://wasmill.dev/build-type/recipe/v1"

// statementType is in-toto's (attestation framework, spec/v1/statement.md).
const statementType = "https://in-toto.io/Statement/v1"

type statement struct {
	Type          string                    `json:"_type"`
	Subject       []slsa.ResourceDescriptor `json:"subject"`
	PredicateType string                    `json:"predicateType"`
	Predicate     slsa.ProvenancePredicate  `json:"predicate"`
}

// Statement is the provenance of a passed build, as JSON. version is wasmill's. The statement says in words which
// compiler made the artifact: what a distribution ships is not what Pyodide patches.
func Statement(b *record.Build, version string) ([]byte, error) {
	if len(b.Artifacts) == 0 {
		return nil, fault.Errorf(fault.Invalid, "writing the provenance of %s: it has no artifact", b.Recipe)
	}
	s := statement{Type: statementType, PredicateType: slsa.PredicateSLSAProvenance}
	for _, a := range b.Artifacts {
		s.Subject = append(s.Subject, slsa.ResourceDescriptor{Name: a.Filename, Digest: digestSet(a.Digest)})
	}
	finished := b.Started
	for _, p := range b.Phases {
		finished = finished.Add(time.Duration(p.Seconds * float64(time.Second)))
	}
	s.Predicate = slsa.ProvenancePredicate{
		BuildDefinition: slsa.ProvenanceBuildDefinition{
			BuildType:            BuildType,
			ExternalParameters:   map[string]string{"recipe": b.Recipe, "version": b.Version, "toolchain": b.Toolchain.Name},
			InternalParameters:   map[string]string{"key": b.Key, "compiler": b.Toolchain.Compiler},
			ResolvedDependencies: dependencies(b),
		},
		RunDetails: slsa.ProvenanceRunDetails{
			Builder:       slsa.Builder{ID: "https://wasmill.dev/builder", Version: map[string]string{"wasmill": version}},
			BuildMetadata: slsa.BuildMetadata{InvocationID: b.Key, StartedOn: &b.Started, FinishedOn: &finished},
		},
	}
	if b.Log != nil {
		s.Predicate.RunDetails.Byproducts = []slsa.ResourceDescriptor{{Name: "log", Digest: digestSet(b.Log.Digest), MediaType: "text/plain"}}
	}
	text, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("writing the provenance of %s: %w", b.Recipe, err)
	}
	return append(text, '\n'), nil
}

func dependencies(b *record.Build) []slsa.ResourceDescriptor {
	var deps []slsa.ResourceDescriptor
	for _, in := range b.Inputs {
		d := slsa.ResourceDescriptor{Name: in.Name, URI: in.URL, Digest: digestSet(in.Digest), Annotations: map[string]any{"kind": in.Kind}}
		deps = append(deps, d)
	}
	for _, r := range b.Requires {
		purl := fmt.Sprintf("pkg:pypi/%s@%s", r.Name, r.Version)
		deps = append(deps, slsa.ResourceDescriptor{Name: r.File, URI: purl, Digest: digestSet(r.Digest), Annotations: map[string]any{"kind": "requirement"}})
	}
	return deps
}

func digestSet(d record.Digest) common.DigestSet {
	algorithm, hex, ok := strings.Cut(string(d), ":")
	if !ok {
		return nil
	}
	return common.DigestSet{algorithm: hex}
}
