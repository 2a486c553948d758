package orchestrator

import (
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/wasmill/wasmill/internal/api"
	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/record"
)

// What was given to a farm is there after a restart, also when its database is lost.
func TestAGivenSourceOutlivesTheFarm(t *testing.T) {
	dir := t.TempDir()
	o := start(t, dir)
	want, err := o.PutSource(t.Context(), "demo-1.0.tar.gz", strings.NewReader("the source"))
	if err != nil {
		t.Fatal(err)
	}
	o.Close()
	o = start(t, dir)
	list, err := o.Sources(t.Context())
	if diff := cmp.Diff([]api.Source{want}, list); diff != "" || err != nil {
		t.Errorf("%v\n%s", err, diff)
	}
	r, err := o.OpenBlob(t.Context(), record.Digest("sha256:"+want.SHA256))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if text, _ := io.ReadAll(r); string(text) != "the source" {
		t.Errorf("%q", text)
	}
	if _, err := o.RemoveSource(t.Context(), want.SHA256); err != nil {
		t.Fatal(err)
	}
	if _, err := o.OpenBlob(t.Context(), record.Digest("sha256:"+want.SHA256)); fault.KindOf(err) != fault.NotFound {
		t.Errorf("after its removal: %v", err)
	}
	if _, err := o.RemoveSource(t.Context(), want.SHA256); fault.KindOf(err) != fault.NotFound || !strings.Contains(err.Error(), "keeps no source") {
		t.Errorf("removing it again: %v", err)
	}
}
