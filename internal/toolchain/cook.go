package toolchain

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/wasmill/wasmill/internal/engine"
	"github.com/wasmill/wasmill/internal/fault"
)

// ownScript makes what is in /opt/wasmill; extensions have scripts of their own.
const ownScript = "bake.py"

// cook runs a script of the toolchain's in the staged image and gives the folder that it filled.
func (b *baker) cook(ctx context.Context, staged v1.Image, script string) (out string, err error) {
	repository, _ := repositories(b.spec.Name)
	ref, err := push(ctx, b.opts.Registry, repository, stagedTag, staged, b.progress, b.opts.Remote)
	if err != nil {
		return "", err
	}
	defer b.unstage(ctx, repository, staged)
	b.progress(Event{Step: "pulling the staged image"})
	if err := b.opts.Engine.Pull(ctx, b.opts.Registry+"/"+ref); err != nil {
		return "", err
	}
	in, out := filepath.Join(b.work, "in"), filepath.Join(b.work, "out")
	if err := b.lay(in); err != nil {
		return "", err
	}
	folders, mounts := []string{out}, []engine.Mount{{Source: in, Target: "/in"}, {Source: out, Target: "/out", Writable: true}}
	if script == ownScript {
		home := filepath.Join(out, "opt", "wasmill")
		folders = append(folders, filepath.Dir(home), home)
		mounts = append(mounts, engine.Mount{Source: home, Target: "/opt/wasmill", Writable: true})
	}
	if err := os.MkdirAll(folders[len(folders)-1], 0o755); err != nil {
		return "", err
	}
	user, err := owner(folders...)
	if err != nil {
		return "", err
	}
	files, err := filepath.Abs(filepath.Join(b.dir, "files"))
	if err != nil {
		return "", err
	}
	log := &scriptLog{copy: b.opts.Log, progress: b.progress}
	result, err := b.opts.Engine.Run(ctx, engine.Spec{
		Image:   b.opts.Registry + "/" + ref,
		Command: []string{"/usr/bin/python3", "-B", "/files/" + script},
		WorkDir: "/tmp",
		User:    user,
		Mounts:  append(mounts, engine.Mount{Source: files, Target: "/files"}),
		Tmpfs:   map[string]int64{"/tmp": 4 << 30},
		Labels:  map[string]string{"dev.wasmill.bake": b.spec.Name},
	}, log)
	if err != nil {
		return "", fmt.Errorf("running the toolchain's script: %w", err)
	}
	if result.ExitStatus != 0 {
		return "", fault.Errorf(fault.Invalid, "the toolchain's script %s ended with status %d:\n%s", script, result.ExitStatus, log.tail())
	}
	return out, nil
}

// stagedTag begins the tag of an image that nobody needs once the script has run in it.
const stagedTag = "staged-"

// unstage takes the staged image's tag away, so that a registry's garbage collection finds it; also after a bake that
// was interrupted. Some registries let nobody delete, and then it stays.
func (b *baker) unstage(ctx context.Context, repository string, staged v1.Image) {
	ctx, stop := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer stop()
	if tag, err := tagOf(b.opts.Registry, repository, stagedTag, staged); err == nil {
		_ = remote.Delete(tag, in(ctx, b.opts.Remote)...)
	}
}

// lay puts what the script reads into one folder: the inputs that are no Debian packages, and the spec as JSON.
func (b *baker) lay(in string) error {
	if err := os.Mkdir(in, 0o755); err != nil {
		return err
	}
	for _, input := range b.lock.of("") {
		if input.Kind == Deb {
			continue
		}
		file, ok := b.files[input.SHA256]
		if !ok {
			continue // of the toolchain's own script; this one is an extension's
		}
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(in, path.Base(input.URL)), text, 0o644); err != nil {
			return err
		}
	}
	said := map[string]any{
		"name": b.spec.Name, "facts": b.spec.Facts, "exclude_newer": b.spec.ExcludeNewer, "env": b.spec.Env, "cross": b.spec.Cross,
	}
	if b.extension != nil {
		said["extension"] = map[string]any{"env": b.extension.Env}
	}
	text, err := json.Marshal(said)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(in, "spec.json"), text, 0o644)
}

// owner gives folders to the user as whom the script runs: never root, and where we are not root, ourselves, so that we
// can remove the folders again.
func owner(folders ...string) (user string, err error) {
	uid, gid := os.Getuid(), os.Getgid()
	if uid == 0 {
		uid, gid = 1000, 1000
		for _, folder := range folders {
			err = errors.Join(err, os.Chown(folder, uid, gid))
		}
	}
	return fmt.Sprintf("%d:%d", uid, gid), err
}

// scriptLog copies what a script prints, turns its step lines into events and keeps the end for an error.
type scriptLog struct {
	copy     io.Writer
	progress func(Event)
	text     bytes.Buffer
	line     []byte
}

func (l *scriptLog) Write(p []byte) (int, error) {
	if l.copy != nil {
		if n, err := l.copy.Write(p); err != nil {
			return n, err
		}
	}
	l.text.Write(p)
	if excess := l.text.Len() - 16<<10; excess > 0 {
		l.text.Next(excess)
	}
	l.line = append(l.line, p...)
	for {
		line, rest, ok := bytes.Cut(l.line, []byte("\n"))
		if !ok {
			return len(p), nil
		}
		if step, ok := strings.CutPrefix(string(line), "==> "); ok {
			l.progress(Event{Step: step})
		}
		l.line = rest
	}
}

func (l *scriptLog) tail() string { return strings.TrimSpace(l.text.String()) }
