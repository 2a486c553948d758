package build

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"

	"github.com/wasmill/wasmill/internal/recipe"
	"github.com/wasmill/wasmill/internal/record"
	"github.com/wasmill/wasmill/internal/wasmcc/job"
)

// Suite puts files and folders of a recipe's source into a folder, under the paths that they have there, as the build saw
// them before its script: patched, with the extras. A part that the source does not have is a failure of the recipe, not
// an error. Of a job it looks at Recipe, Toolchain, Limits, Attempt, Labels and Log.
func (b *Builder) Suite(ctx context.Context, from Job, parts []string, to string) (*record.Failure, error) {
	a, err := b.begin(from)
	if err != nil {
		return nil, fmt.Errorf("preparing the tests of %s: %w", from.Recipe.Name, err)
	}
	defer a.end()
	err = a.suite(ctx, parts, to)
	if f, ok := asFailed(err); ok {
		f.Phase = record.PhaseTest
		return f, nil
	}
	if err != nil {
		return nil, fmt.Errorf("preparing the tests of %s: %w", from.Recipe.Name, err)
	}
	return nil, nil
}

func (a *attempt) suite(ctx context.Context, parts []string, to string) error {
	archive, err := a.fetch(ctx)
	if err != nil {
		return err
	}
	// Tests link nothing: the folder stays empty, as the job names no hosts.
	if err := a.unpackLibraries(); err != nil {
		return err
	}
	work, err := a.workFolder(archive)
	if err != nil {
		return err
	}
	if s := a.job.Recipe.Source; len(s.Patches)+len(s.Extras) > 0 {
		prepare := a.prepareJob(job.Install)
		prepare.Script, prepare.Executables = "", nil
		if _, err := a.carryOut(ctx, work, prepare); err != nil {
			return err
		}
	}
	source := a.source(work)
	for _, part := range parts {
		if err := copyPart(source, part, to); err != nil {
			return err
		}
	}
	return nil
}

// copyPart copies the regular files of a part. Package code may have been at the source: links are not followed.
func copyPart(source, part, to string) error {
	root, err := os.OpenRoot(source)
	if err != nil {
		return err
	}
	defer root.Close()
	var files []recipe.File
	err = fs.WalkDir(root.FS(), part, func(name string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		files = append(files, recipe.File{Name: path.Clean(name), Executable: info.Mode()&0o100 != 0})
		return nil
	})
	if errors.Is(err, fs.ErrNotExist) {
		return fail(record.PhaseTest, record.TestFailed, "wasmill.test.suite names %s, which the source does not have", part)
	}
	if err != nil {
		return err
	}
	return copyFiles(source, to, files)
}
