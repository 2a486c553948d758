package orchestrator

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/wasmill/wasmill/internal/datadir"
	"github.com/wasmill/wasmill/internal/recipe"
	"github.com/wasmill/wasmill/internal/record"
	"github.com/wasmill/wasmill/internal/store"
)

// A run asks for its recipes once for each of them: what is in memory is not read again, and what a request adds to the recipes
// is not seen by others.
func TestRecipesAreReadOnce(t *testing.T) {
	registry, err := store.StartRegistry(t.Context(), t.TempDir(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer registry.Close()
	dir, err := datadir.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	o := &Orchestrator{cfg: Config{Dir: dir}}
	if o.blobs, err = store.NewBlobs(registry.Addr()); err != nil {
		t.Fatal(err)
	}
	folder := filepath.Join(t.TempDir(), "six")
	if err := os.MkdirAll(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	meta := fmt.Sprintf("package: {name: six, version: '1.0'}\nsource: {url: https://example.org/six-1.0.tar.gz, sha256: %064d}\n", 1)
	if err := os.WriteFile(filepath.Join(folder, recipe.MetaFile), []byte(meta), 0o644); err != nil {
		t.Fatal(err)
	}
	r, err := recipe.Load(folder)
	if err != nil {
		t.Fatal(err)
	}
	var packed bytes.Buffer
	if err := recipe.Pack(&packed, []*recipe.Recipe{r}); err != nil {
		t.Fatal(err)
	}
	blob, err := o.blobs.Put(t.Context(), "application/octet-stream", &packed)
	if err != nil {
		t.Fatal(err)
	}
	read := func(runtimes ...string) (*pack, *recipe.Digests) {
		p, err := o.recipes(t.Context(), blob.Digest, runtimes)
		if err != nil {
			t.Fatal(err)
		}
		d, err := p.digest(p.set.Get("six"))
		if err != nil {
			t.Fatal(err)
		}
		return p, d
	}
	first, digests := read()
	other, otherDigests := read(recipe.Chromium)
	if in := first.set.Get("six").Wasmill.Test.In(); len(in) != 1 {
		t.Errorf("what one request tests in is seen by another: %v", in)
	}
	if len(other.set.Get("six").Wasmill.Test.In()) != 2 || otherDigests.Test == digests.Test {
		t.Error("the recipes are not tested in Chromium, too")
	}
	if err := os.RemoveAll(dir.Packs()); err != nil {
		t.Fatal(err)
	}
	if again, d := read(); again != first || d != digests {
		t.Error("the recipes were read again")
	}
	if _, err := o.recipes(t.Context(), record.Digest("sha256:"+fmt.Sprintf("%064d", 2)), nil); err == nil {
		t.Error("there are recipes that nobody has sent")
	}
}

func TestTheRecipesUsedLastAreKept(t *testing.T) {
	var k packs
	for i := range keptRecipes + 10 { // a pack that is being read counts as one recipe
		k.entry(fmt.Sprint(i))
		k.entry("often")
	}
	if n := len(k.list); n > keptRecipes+1 {
		t.Errorf("%d packs are kept", n)
	}
	first := k.entry("often")
	if k.entry("often") != first || k.list[len(k.list)-1] != first {
		t.Error("the pack used last is not the last one")
	}
}
