package recipe

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/wasmill/wasmill/internal/fault"
)

// Parse reads a recipe from the bytes of its meta.yaml; file is how errors name it. It looks at no other file, and so
// leaves Dir and Tests empty. All mistakes are reported at once, as *Errors of kind fault.Invalid.
func Parse(file string, data []byte) (*Recipe, error) {
	r, errs := parseRecipe(file, data)
	if err := errs.err(); err != nil {
		return nil, err
	}
	return r, nil
}

func parseRecipe(file string, data []byte) (*Recipe, *Errors) {
	r, errs := defaults(file), &Errors{}
	root := tree(file, data, errs)
	if root == nil {
		return r, errs
	}
	d := &decoder{recipe: r, errs: errs}
	d.document(root)
	if root.shape == isMapping {
		rules(r, errs)
	}
	return r, errs
}

// Load reads a recipe from its meta.yaml, or from its folder, and checks it against the folder: the name equals the
// folder's, and patches and extras are there. All mistakes are reported at once, as *Errors of kind fault.Invalid; a
// file that is not there is fault.NotFound.
func Load(file string) (*Recipe, error) {
	if info, err := os.Stat(file); err == nil && info.IsDir() {
		file = filepath.Join(file, MetaFile)
	}
	data, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fault.Errorf(fault.NotFound, "reading recipe: %w", err)
	}
	if err != nil {
		return nil, fmt.Errorf("reading recipe: %w", err)
	}
	dir, err := filepath.Abs(filepath.Dir(file))
	if err != nil {
		return nil, fmt.Errorf("reading recipe: %w", err)
	}
	r, errs := parseRecipe(file, data)
	r.Dir = dir
	if err := r.checkFolder(errs); err != nil {
		return nil, err
	}
	if err := errs.err(); err != nil {
		return nil, err
	}
	return r, nil
}

// checkFolder holds the recipe against its folder, and finds its tests.
func (r *Recipe) checkFolder(errs *Errors) error {
	if folder := filepath.Base(r.Dir); r.Name != "" && r.Name != folder {
		errs.add(r.At("package.name"), "rename the one or the other", "`package.name` is `%s`, but the folder is `%s`", r.Name, folder)
	}
	for i, p := range r.Source.Patches {
		r.checkFile(errs, fmt.Sprintf("source.patches[%d]", i), p)
	}
	for i, e := range r.Source.Extras {
		r.checkFile(errs, fmt.Sprintf("source.extras[%d][0]", i), e.From)
	}
	entries, err := os.ReadDir(r.Dir)
	if err != nil {
		return fmt.Errorf("reading recipe's folder: %w", err)
	}
	for _, e := range entries {
		if isTest(e.Name()) && e.Type().IsRegular() {
			r.Tests = append(r.Tests, e.Name())
		}
	}
	return nil
}

// checkFile demands that a file which the recipe names is there.
func (r *Recipe) checkFile(errs *Errors, at, name string) {
	if !filepath.IsLocal(filepath.FromSlash(name)) {
		return // noted already
	}
	if _, err := os.Stat(r.Path(name)); err == nil {
		return
	}
	hint := ""
	folder := filepath.Dir(r.Path(name))
	if entries, err := os.ReadDir(folder); err == nil {
		var names []string
		for _, e := range entries {
			names = append(names, e.Name())
		}
		slices.Sort(names)
		if near := nearest(filepath.Base(name), names); near != "" {
			hint = fmt.Sprintf("did you mean `%s`?", near)
		}
	}
	errs.add(r.At(at), hint, "there is no file `%s` in the recipe's folder", name)
}

// isTest is the rule by which files beside a meta.yaml are tests.
func isTest(name string) bool {
	return strings.HasPrefix(name, "test_") && strings.HasSuffix(name, ".py")
}
