package recipe

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
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
	r.meta = data
	root := tree(file, data, errs)
	if root == nil {
		return r, errs
	}
	d := &decoder{recipe: r, errs: errs, failed: map[string]bool{}}
	d.document(root)
	if root.shape == isMapping {
		rules(d)
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
	files, err := r.Files()
	if fault.KindOf(err) == fault.Invalid {
		errs.add(Position{r.File, 1, 1}, "", "%v", err)
		return nil
	}
	if err != nil {
		return err
	}
	names := make([]string, len(files))
	for i, f := range files {
		names[i] = f.Name
		if isTest(f.Name) {
			r.Tests = append(r.Tests, f.Name)
		}
	}
	for i, p := range r.Source.Patches {
		r.checkFile(errs, fmt.Sprintf("source.patches[%d]", i), p, names)
	}
	for i, e := range r.Source.Extras {
		r.checkFile(errs, fmt.Sprintf("source.extras[%d][0]", i), e.From, names)
	}
	return nil
}

// checkFile demands that a file or folder which the recipe names is among the recipe's files.
func (r *Recipe) checkFile(errs *Errors, at, name string, files []string) {
	clean := path.Clean(name)
	if !filepath.IsLocal(filepath.FromSlash(name)) || slices.Contains(files, clean) ||
		slices.ContainsFunc(files, func(f string) bool { return strings.HasPrefix(f, clean+"/") }) {
		return // a name that leads out has been noted already
	}
	hint := ""
	if near := nearest(clean, files); near != "" {
		hint = fmt.Sprintf("did you mean `%s`?", near)
	}
	errs.add(r.At(at), hint, "there is no file `%s` in the recipe's folder", name)
}

// isTest is the rule by which files beside a meta.yaml are tests.
func isTest(name string) bool {
	return strings.HasPrefix(name, "test_") && strings.HasSuffix(name, ".py") && !strings.Contains(name, "/")
}
