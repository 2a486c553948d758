package toolchain

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/toolchain/debian"
	"github.com/wasmill/wasmill/internal/toolchain/rootfs"
)

// merged is where the top folders really are: base-files has the links, some packages still have the old names.
var merged = map[string]string{"bin": "usr/bin", "sbin": "usr/sbin", "lib": "usr/lib", "lib64": "usr/lib64"}

// statusFields are what dpkg's status says of an installed package, as far as scanners of images read it.
var statusFields = []string{"Package", "Status", "Priority", "Section", "Installed-Size", "Maintainer", "Architecture", "Multi-Arch", "Source", "Version", "Description"}

const statusFile = "var/lib/dpkg/status"

// unpackDebs puts the files of packages into two trees: base gets those of both images, build the others.
func unpackDebs(ctx context.Context, d *Debian, inputs []Input, files map[string]string, base, build *rootfs.Tree, progress func(Event)) error {
	status, err := unpackInto(ctx, inputs, files, func(in Input) *rootfs.Tree {
		if in.Base {
			return base
		}
		return build
	}, progress)
	if err != nil {
		return err
	}
	return errors.Join(
		base.File(statusFile, join(status[base])),
		build.File(statusFile, join(slices.Concat(status[base], status[build]))),
		finish(d, base),
	)
}

// unpackInto puts the files of packages into trees, and gives what dpkg's status says of each tree's. No maintainer script
// runs: what they would have made and is needed, the spec lists (docs/decisions/0002-toolchain-image.md).
func unpackInto(ctx context.Context, inputs []Input, files map[string]string, where func(Input) *rootfs.Tree, progress func(Event)) (map[*rootfs.Tree][]string, error) {
	var mu sync.Mutex
	var done, total int64
	status := map[*rootfs.Tree][]string{}
	for _, in := range inputs {
		total += in.Size
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.NumCPU()) // unpacking xz is what takes the time
	// The large ones first, so that none of them is left for the end.
	for _, in := range slices.SortedFunc(slices.Values(inputs), func(a, b Input) int { return int(b.Size - a.Size) }) {
		group.Go(func() error {
			if err := ctx.Err(); err != nil {
				return err
			}
			tree := where(in)
			control, err := unpackDeb(files[in.SHA256], tree)
			if err != nil {
				return fault.Errorf(fault.Invalid, "unpacking %s %s: %w", in.Name, in.Version, err)
			}
			control["Status"] = "install ok installed"
			mu.Lock()
			defer mu.Unlock()
			status[tree] = append(status[tree], paragraph(control))
			done += in.Size
			progress(Event{Step: "unpacking packages", Done: done, Total: total})
			return nil
		})
	}
	return status, group.Wait()
}

func unpackDeb(file string, to *rootfs.Tree) (debian.Paragraph, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	control, files, err := debian.Open(bufio.NewReaderSize(f, 1<<20))
	if err != nil {
		return nil, err
	}
	return control, to.Tar(files, "", "")
}

// finish adds what the spec lists, and the places that containers expect.
func finish(d *Debian, base *rootfs.Tree) error {
	var errs []error
	for name, text := range d.Files {
		base.Remove(name)
		errs = append(errs, base.File(name, []byte(text)))
	}
	for name, target := range d.Links {
		base.Remove(name)
		errs = append(errs, base.Link(name, target))
	}
	// Mount points of bakes and builds: the root is read-only then.
	for _, name := range []string{"in", "files", "out", "work", "env", "opt/wasmill"} {
		errs = append(errs, base.Folder(name, 0o755))
	}
	return errors.Join(errs...)
}

func paragraph(control debian.Paragraph) string {
	var b strings.Builder
	for _, field := range statusFields {
		if value := control[field]; value != "" {
			first, _, _ := strings.Cut(value, "\n")
			fmt.Fprintf(&b, "%s: %s\n", field, first)
		}
	}
	return b.String()
}

func join(paragraphs []string) []byte {
	slices.Sort(paragraphs)
	return []byte(strings.Join(paragraphs, "\n"))
}
