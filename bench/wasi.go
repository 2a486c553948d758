package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/wasmill/wasmill/internal/fetch"
	"github.com/wasmill/wasmill/internal/probe"
	"github.com/wasmill/wasmill/internal/wasi"
)

// leftOut is what a small app has no use for, and hardly any app has.
const leftOut = "unittest,pydoc,pydoc_data,pdb,doctest,xmlrpc,wsgiref,smtplib,imaplib,ftplib,mailbox,curses,dbm,sqlite3,multiprocessing,concurrent,asyncio,ctypes," +
	"_codecs_cn,_codecs_hk,_codecs_iso2022,_codecs_jp,_codecs_kr,_codecs_tw,unicodedata,_decimal,_pydecimal"

const appScript = "import sys\n\nimport markupsafe\nimport msgpack\n\nprint(markupsafe.escape('<'), msgpack.packb(len(sys.argv)))\n"

const startNode = `import {WASI} from 'node:wasi'; import fs from 'node:fs';
const wasi = new WASI({version: 'preview1', args: ['app.wasm'], env: {}, returnOnExit: true});
process.exitCode = wasi.start(await WebAssembly.instantiate(await WebAssembly.compile(fs.readFileSync(process.argv[2])), wasi.getImportObject()));
`

const startWasmtime = `import os, sys, wasmtime
program, kept, folder = sys.argv[1:4]
engine = wasmtime.Engine()
if kept and os.path.exists(kept):
    module = wasmtime.Module.deserialize_file(engine, kept)
else:
    module = wasmtime.Module.from_file(engine, program)
    if kept:
        open(kept, "wb").write(module.serialize())
linker = wasmtime.Linker(engine)
linker.define_wasi()
store = wasmtime.Store(engine)
config = wasmtime.WasiConfig()
config.argv = ["app.wasm", *sys.argv[4:]]
if folder:
    config.preopen_dir(folder, "/usr/local/lib")
    config.env = [("PYTHONHOME", "/usr/local")]
config.inherit_stdout(); config.inherit_stderr()
store.set_wasi(config)
try:
    linker.instantiate(store, module).exports(store)["_start"](store)
except wasmtime.ExitTrap as e:
    sys.exit(e.code)
`

// wasi measures apps for WASI: how large they are, and how long they take to their last line, beside the interpreter alone.
func (b *bench) wasi(ctx context.Context) error {
	data, err := b.fresh("apps")
	if err != nil {
		return err
	}
	dir := filepath.Join(b.scratch, "wasi")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	script := filepath.Join(dir, "main.py")
	for file, text := range map[string]string{script: appScript, filepath.Join(dir, "run.mjs"): startNode, filepath.Join(dir, "run.py"): startWasmtime} {
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			return err
		}
	}
	link := func(name string, flags ...string) (string, float64, error) {
		out := filepath.Join(dir, name)
		begin := time.Now()
		err := quietly(ctx, dir, append([]string{
			b.absolute("wasmill"), "app", "markupsafe", "msgpack", "--recipes", b.copied, "--data", data, "--quiet", "--script", script, "--out", out,
		}, flags...)...)
		return out, time.Since(begin).Seconds(), err
	}
	app, _, err := link("app.wasm")
	if err != nil {
		return err
	}
	stripped, took, err := link("stripped.wasm", "--strip-sources")
	if err != nil {
		return err
	}
	b.add(newMeasure("app: `wasmill app` of packages that are built", "s", 0, samples{took}))
	small, _, err := link("small.wasm", "--strip-sources", "--exclude-modules", leftOut)
	if err != nil {
		return err
	}
	python, lib, err := b.interpreter(ctx, dir, data)
	if err != nil {
		return err
	}
	for _, f := range []struct{ name, file string }{
		{"app, markupsafe and msgpack", app}, {"app, without sources", stripped}, {"app, without sources and some modules", small}, {"python.wasm, without its library", python},
	} {
		info, err := os.Stat(f.file)
		if err != nil {
			return err
		}
		b.add(newMeasure(f.name, "bytes", 0, samples{float64(info.Size())}))
	}
	folder := []wasi.Folder{{Host: lib, Guest: "/usr/local/lib"}}
	if err := b.inWazero(ctx, dir, "app", app, wasi.Config{Args: []string{"app.wasm"}}); err != nil {
		return err
	}
	if err := b.inWazero(ctx, dir, "python.wasm", python, wasi.Config{Args: []string{"python", "-c", "print(1)"}, Env: []string{"PYTHONHOME=/usr/local"}, Folders: folder}); err != nil {
		return err
	}
	return b.outside(ctx, dir, app, python, lib)
}

func (b *bench) absolute(program string) string {
	path, err := filepath.Abs(filepath.Join(b.bin, program))
	if err != nil {
		return filepath.Join(b.bin, program)
	}
	return path
}

// interpreter is python.wasm and the folder of its library.
func (b *bench) interpreter(ctx context.Context, dir, data string) (program, lib string, err error) {
	err = quietly(ctx, dir, b.absolute("wasmill"), "build", "cpython-wasi", "--toolchain", "wasip1_cp313", "--recipes", b.copied, "--data", data, "--quiet", "--out", dir)
	if err != nil {
		return "", "", err
	}
	archives, err := filepath.Glob(filepath.Join(dir, "cpython-wasi-*.tar.gz"))
	if err != nil || len(archives) != 1 {
		return "", "", fmt.Errorf("`wasmill build cpython-wasi` wrote %v, %w", archives, err)
	}
	at := filepath.Join(dir, "python")
	err = fetch.Unpack(archives[0], at, fetch.Unpacking{Folder: "."})
	return filepath.Join(at, "bin", "python.wasm"), filepath.Join(at, "lib"), err
}

// inWazero measures a start with nothing compiled, with machine code on disk, and with a program that is loaded.
func (b *bench) inWazero(ctx context.Context, dir, name, file string, config wasi.Config) error {
	var cold, disk, memory samples
	config.Stdout, config.Stderr = io.Discard, os.Stderr
	for round := range b.times() {
		cache := filepath.Join(dir, fmt.Sprintf("compiled-%s-%d", name, round))
		for _, s := range []*samples{&cold, &disk} {
			begin := time.Now()
			engine, err := wasi.NewEngine(cache)
			if err != nil {
				return err
			}
			program, err := engine.LoadFile(ctx, file)
			if err != nil {
				return errors.Join(err, engine.Close())
			}
			result, err := program.Run(ctx, config)
			if err == nil && !result.OK() {
				err = fmt.Errorf("%s in wazero: %s", name, result)
			}
			*s = append(*s, time.Since(begin).Seconds())
			if err == nil && s == &disk {
				begin = time.Now()
				_, err = program.Run(ctx, config)
				memory = append(memory, time.Since(begin).Seconds())
			}
			if err := errors.Join(err, program.Close(), engine.Close()); err != nil {
				return err
			}
		}
	}
	b.add(newMeasure("start: "+name+", wazero, nothing compiled", "s", 0, cold))
	b.add(newMeasure("start: "+name+", wazero, machine code on disk", "s", 0, disk))
	b.add(newMeasure("start: "+name+", wazero, in memory", "s", 0, memory))
	return nil
}

// outside measures other people's runtimes, each a process, as far as this machine has what they need.
func (b *bench) outside(ctx context.Context, dir, app, python, lib string) error {
	release, err := b.fetcher.Get(ctx, probe.Node24)
	if err != nil {
		return err
	}
	if err := fetch.Unpack(release, filepath.Join(dir, "node"), fetch.Unpacking{}); err != nil {
		return err
	}
	starts := []timed{{name: "start: app, node 24", args: []string{filepath.Join(dir, "node", "bin", "node"), "--no-warnings", filepath.Join(dir, "run.mjs"), app}}}
	if native, err := exec.LookPath("python3"); err == nil {
		wheel, err := b.fetcher.Get(ctx, probe.Wasmtime)
		if err != nil {
			return err
		}
		named := filepath.Join(dir, probe.Wasmtime.File())
		if err := os.Symlink(wheel, named); err != nil {
			return err
		}
		site := filepath.Join(dir, "site")
		if err := fetch.Unpack(named, site, fetch.Unpacking{}); err != nil {
			return err
		}
		run := func(program, kept, folder string, args ...string) []string {
			return append([]string{"env", "PYTHONPATH=" + site, native, filepath.Join(dir, "run.py"), program, kept, folder}, args...)
		}
		starts = append(starts,
			timed{name: "start: app, wasmtime, nothing compiled", args: run(app, "", "")},
			timed{name: "start: app, wasmtime, machine code on disk", args: run(app, app+".compiled", "")},
			timed{name: "start: python.wasm, wasmtime, nothing compiled", args: run(python, "", lib, "-c", "print(1)")},
			timed{name: "start: python.wasm, wasmtime, machine code on disk", args: run(python, python+".compiled", lib, "-c", "print(1)")},
		)
	}
	return b.inTurns(ctx, dir, b.times(), starts)
}
