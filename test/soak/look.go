package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"

	"github.com/wasmill/wasmill/internal/api"
	"github.com/wasmill/wasmill/internal/record"
	"github.com/wasmill/wasmill/internal/store"
)

// differs is the error of a farm that is not as it has to be.
type differs struct{ what string }

func (d *differs) Error() string { return d.what }

// outcome is what a run has left behind.
type outcome struct {
	builds map[string]string // by recipe: key, outcome, tests and the digests of all artifacts
	index  map[string]string // by file: the sha256 of what a client gets
}

// same compares with the undisturbed outcome.
func (o outcome) same(got outcome) error {
	var found []string
	for _, both := range []struct {
		kind      string
		want, got map[string]string
	}{{"build of", o.builds, got.builds}, {"file", o.index, got.index}} {
		names := maps.Clone(both.want)
		maps.Copy(names, both.got)
		for _, name := range slices.Sorted(maps.Keys(names)) {
			if want, now := both.want[name], both.got[name]; want != now {
				found = append(found, fmt.Sprintf("%s %s: %s; undisturbed: %s", both.kind, name, orNone(now), orNone(want)))
			}
		}
	}
	if len(found) > 0 {
		return &differs{what: "this is not as in the undisturbed run:\n  " + strings.Join(found, "\n  ")}
	}
	return nil
}

func orNone(text string) string {
	if text == "" {
		return "none"
	}
	return text
}

// look reads all that a run has left, as people and clients do. What can't be read is an error.
func (s *soak) look(ctx context.Context, run api.Run) (out outcome, err error) {
	out.builds = map[string]string{}
	if run.State != "passed" {
		for _, a := range run.Actions {
			if a.Status != "passed" && a.Status != "cached" {
				err = errors.Join(err, fmt.Errorf("%s: %s: %s %s", a.Recipe, a.Status, a.Cause, a.Fault))
			}
		}
		return out, &differs{what: fmt.Sprintf("run %s has %s %s: %v", run.ID, run.State, run.Error, err)}
	}
	for _, a := range run.Actions {
		if out.builds[a.Recipe], err = s.build(ctx, a); err != nil {
			return out, &differs{what: fmt.Sprintf("what %s has left: %v", a.Recipe, err)}
		}
	}
	if out.index, err = s.index(ctx); err != nil {
		return out, &differs{what: fmt.Sprintf("the index: %v", err)}
	}
	return out, s.tidy(ctx)
}

// build reads a build's record, log and reports; blobs are verified by who reads them.
func (s *soak) build(ctx context.Context, a api.Action) (string, error) {
	b, err := s.farm.Build(ctx, a.Key)
	if err != nil {
		return "", err
	}
	if b.Recipe != a.Recipe || b.Key != a.Key {
		return "", fmt.Errorf("under its key is a build of %s", b.Recipe)
	}
	text := fmt.Sprintf("%s %s", b.Outcome, b.Key[:12])
	c := b.Counts()
	text += fmt.Sprintf(", %d imports, %d passed", c.Imports, c.Passed)
	for _, file := range b.Artifacts {
		text += ", " + file.Filename + " " + string(file.Digest)
		for _, digest := range []record.Digest{file.Digest, file.Metadata} {
			if digest != "" {
				if err := s.readable(ctx, digest); err != nil {
					return "", fmt.Errorf("%s: %w", file.Filename, err)
				}
			}
		}
	}
	for name, blob := range map[string]*record.Blob{"log": b.Log, "test log": b.TestLog, "JUnit report": b.JUnit, "provenance": b.Provenance} {
		if blob == nil {
			return "", fmt.Errorf("it has no %s", name)
		}
		if err := s.readable(ctx, blob.Digest); err != nil {
			return "", fmt.Errorf("its %s: %w", name, err)
		}
	}
	kept := b.Log.Size + b.TestLog.Size
	if b.Reproduction != nil && b.Reproduction.Log != nil {
		kept += b.Reproduction.Log.Size
	}
	log, err := s.farm.Log(ctx, a.Key, 0)
	if err == nil && (!log.Ended || int64(len(log.Text)) != kept) {
		err = fmt.Errorf("the log that is shown has %d bytes (ended: %v), those that were kept %d", len(log.Text), log.Ended, kept)
	}
	return text, err
}

func (s *soak) readable(ctx context.Context, digest record.Digest) error {
	r, err := s.farm.OpenBlob(ctx, digest)
	if err != nil {
		return err
	}
	sum := sha256.New()
	_, err = io.Copy(sum, r)
	if err := errors.Join(err, r.Close()); err != nil {
		return err
	}
	if got := "sha256:" + hex.EncodeToString(sum.Sum(nil)); got != string(digest) {
		return fmt.Errorf("%s has other bytes: %s", digest, got)
	}
	return nil
}

// index reads it as pip does: the list, each project's page, each file.
func (s *soak) index(ctx context.Context) (map[string]string, error) {
	var list struct{ Projects []struct{ Name string } }
	if err := s.page(ctx, "/simple/", &list); err != nil {
		return nil, err
	}
	files := map[string]string{}
	for _, p := range list.Projects {
		var page struct {
			Files []struct {
				Filename, URL string
				Hashes        struct{ SHA256 string }
			}
		}
		at := s.farm.url + "/simple/" + p.Name + "/"
		if err := s.page(ctx, "/simple/"+p.Name+"/", &page); err != nil {
			return nil, err
		}
		base, err := url.Parse(at)
		if err != nil {
			return nil, err
		}
		for _, f := range page.Files {
			if files[f.Filename] != "" {
				return nil, fmt.Errorf("%s is on it twice", f.Filename)
			}
			where, err := base.Parse(f.URL)
			if err != nil {
				return nil, err
			}
			content, err := s.get(ctx, where.String())
			if err != nil {
				return nil, err
			}
			sum := sha256.Sum256(content)
			files[f.Filename] = hex.EncodeToString(sum[:])
			if files[f.Filename] != f.Hashes.SHA256 {
				return nil, fmt.Errorf("%s has the sha256 %s, the page says %s", f.Filename, files[f.Filename], f.Hashes.SHA256)
			}
		}
	}
	var lock struct{ Packages map[string]any }
	return files, s.page(ctx, "/pyodide-lock.json", &lock)
}

func (s *soak) page(ctx context.Context, path string, into any) error {
	text, err := s.get(ctx, s.farm.url+path)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, into); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

func (s *soak) get(ctx context.Context, at string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, at, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "application/vnd.pypi.simple.v1+json, */*;q=0.1")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %s", at, resp.Status)
	}
	return io.ReadAll(resp.Body)
}

// tidy demands that nothing is left over: no container, no folder of an attempt, nothing for another run to do.
func (s *soak) tidy(ctx context.Context) error {
	crew, err := s.farm.crew()
	if err != nil {
		return err
	}
	err = until(ctx, patience, "all containers and work folders are gone", func() bool {
		left, err := s.farm.engine.containers(ctx)
		work, readErr := os.ReadDir(crew.Work())
		return err == nil && len(left) == 0 && readErr == nil && len(work) == 0
	})
	if err != nil {
		return err
	}
	again, err := s.submit(ctx)
	if err != nil {
		return err
	}
	if again, err = s.ended(ctx, again.ID, patience); err != nil {
		return err
	}
	for _, a := range again.Actions {
		if a.Status != "cached" {
			return &differs{what: fmt.Sprintf("the next run finds something to do: %s: %s", a.Recipe, a.Reason)}
		}
	}
	return nil
}

// published demands, of a farm that has stopped, that the index was not changed more often than there are builds.
func (f *farm) published(builds int) error {
	head, err := f.head()
	if err != nil {
		return err
	}
	ctx := context.Background()
	open, at := store.OpenSQLite, head.Database()
	if f.at != "" {
		open, at = store.OpenPostgres, f.at
	}
	db, err := open(ctx, at)
	if err != nil {
		return err
	}
	defer db.Close()
	runs, err := db.Runs(ctx, 0)
	if err != nil {
		return err
	}
	for _, r := range runs {
		if r.Outcome == "" {
			return &differs{what: "run " + r.ID + " goes on for ever"}
		}
	}
	changes, err := db.Generation(ctx, toolchainOf(runs))
	if err == nil && builds > 0 && changes > int64(builds) {
		err = &differs{what: fmt.Sprintf("the index was changed %d times for %d builds: something was published twice", changes, builds)}
	}
	return err
}

// toolchainOf is the one that the runs have built with.
func toolchainOf(runs []store.Run) string {
	var req api.RunRequest
	for _, r := range runs {
		if json.Unmarshal(r.Request, &req) == nil {
			break
		}
	}
	return req.Toolchain
}
