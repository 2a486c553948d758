package wasi

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"

	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/wheel/wasm"
)

// Version is the release of wazero that programs run on; a test holds it against go.mod.
const Version = "1.12.0"

// Features are the parts of WebAssembly that programs may use: all that wazero knows, except threads.
const Features = api.CoreFeaturesV2 | experimental.CoreFeaturesTailCall | experimental.CoreFeaturesExtendedConst |
	experimental.CoreFeaturesExceptionHandling

// maxTable bounds the entries of all tables of a program together. CPython with all its modules has about ten thousand.
const maxTable = 4 << 20

// Engine compiles programs, and keeps what it compiled. It is safe for concurrent use.
type Engine struct {
	cache wazero.CompilationCache
	dir   string // empty for one in memory
}

// NewEngine opens a cache of compiled programs, shared with other processes; with no folder it lasts as long as the engine.
// What lies in the folder is run as machine code: it must belong to the caller alone, else the error is fault.Invalid.
func NewEngine(dir string) (*Engine, error) {
	if dir == "" {
		return &Engine{cache: wazero.NewCompilationCache()}, nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("opening the cache of compiled programs: %w", err)
	}
	info, err := os.Stat(dir)
	if err != nil {
		return nil, fmt.Errorf("opening the cache of compiled programs: %w", err)
	}
	if info.Mode().Perm()&0o022 != 0 {
		return nil, fault.Errorf(fault.Invalid, "others can write to the cache of compiled programs %s, whose files are run as they are: chmod go-w it", dir)
	}
	cache, err := wazero.NewCompilationCacheWithDir(dir)
	if err != nil {
		return nil, fmt.Errorf("opening the cache of compiled programs: %w", err)
	}
	return &Engine{cache, dir}, nil
}

// Close frees what was compiled. No program of the engine may run any more.
func (e *Engine) Close() error { return e.cache.Close(context.Background()) }

// Program is a compiled module. It may run many times, and at the same time.
type Program struct {
	runtime  wazero.Runtime
	compiled wazero.CompiledModule
	minimum  int64 // bytes of memory with which it starts
}

// Load compiles a module, or takes it from the cache. What is no program for WASI preview 1, wants something that isn't
// here, or is beyond the engine, is fault.Invalid. Compiling can't be stopped: ctx is looked at before it.
func (e *Engine) Load(ctx context.Context, module []byte) (*Program, error) {
	m, err := wasm.Parse(bytes.NewReader(module))
	if err != nil {
		return nil, err
	}
	// wazero reads the lines of sources in its cache byte by byte: for CPython that is half a second of each start. A trap tells the
	// names of functions without them.
	p := &Program{runtime: wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfig().
		WithCoreFeatures(Features).WithCompilationCache(e.cache).WithCloseOnContextDone(true).WithDebugInfoEnabled(false))}
	if err := e.load(ctx, p, m, module); err != nil {
		return nil, errors.Join(err, p.Close())
	}
	return p, nil
}

func (e *Engine) load(ctx context.Context, p *Program, m *wasm.Module, module []byte) error {
	host, err := p.host(ctx)
	if err != nil {
		return fmt.Errorf("starting wazero: %w", err)
	}
	if err := runnable(m, host); err != nil {
		return err
	}
	for _, memory := range m.Memories {
		p.minimum += int64(memory.Min) * pageSize
	}
	if module, err = wasm.WithTableLimit(module, maxTable); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	p.compiled, err = e.compile(ctx, p.runtime, module)
	return err
}

// compile makes a panic of the compiler an error: the module comes from strangers. What is damaged in the cache is made
// anew.
func (e *Engine) compile(ctx context.Context, r wazero.Runtime, module []byte) (c wazero.CompiledModule, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fault.Errorf(fault.Invalid, "wazero %s can't compile the module: %v", Version, p)
		}
	}()
	c, err = r.CompileModule(ctx, module)
	if err != nil && strings.HasPrefix(err.Error(), "compilationcache:") && e.dir != "" {
		if err := e.empty(); err != nil {
			return nil, fmt.Errorf("emptying the cache of compiled programs, which is damaged: %w", err)
		}
		c, err = r.CompileModule(ctx, module)
	}
	if err != nil {
		return nil, fault.Errorf(fault.Invalid, "wazero %s refuses the module: %w", Version, err)
	}
	return c, nil
}

// empty removes all that is kept in the folder, since wazero does not say which file it could not read. Programs that run
// keep what they have.
func (e *Engine) empty() error {
	return filepath.WalkDir(e.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		return os.Remove(path)
	})
}

// Close frees the program. It must not run any more.
func (p *Program) Close() error { return p.runtime.Close(context.Background()) }

// host gives the runtime the functions of WASI and returns their names.
func (p *Program) host(ctx context.Context) (map[string]api.FunctionDefinition, error) {
	builder := p.runtime.NewHostModuleBuilder(wasi_snapshot_preview1.ModuleName)
	wasi_snapshot_preview1.NewFunctionExporter().ExportFunctions(builder)
	compiled, err := builder.Compile(experimental.WithFunctionListenerFactory(ctx, experimental.FunctionListenerFactoryFunc(guard)))
	if err != nil {
		return nil, err
	}
	_, err = p.runtime.InstantiateModule(ctx, compiled, wazero.NewModuleConfig())
	return compiled.ExportedFunctions(), err
}

// maxDescriptor is the largest number to which a program may move an open file.
const maxDescriptor = 1 << 12

// guard turns a request to move an open file to a number that is too large into one that fails with "bad file
// descriptor", before wazero makes room for it; and a wait until a time, which wazero does not know, into one of so long.
func guard(f api.FunctionDefinition) experimental.FunctionListener {
	switch f.Name() {
	case "fd_renumber":
	case "poll_oneoff":
		return experimental.FunctionListenerFunc(func(_ context.Context, m api.Module, _ api.FunctionDefinition, params []uint64, _ experimental.StackIterator) {
			relative(m.Memory(), uint32(params[0]), uint32(params[2]))
		})
	default:
		return nil
	}
	return experimental.FunctionListenerFunc(func(_ context.Context, _ api.Module, _ api.FunctionDefinition, params []uint64, _ experimental.StackIterator) {
		if to := int32(params[1]); to > maxDescriptor {
			params[1] = 0xffffffff
		}
	})
}

// runnable says what keeps a module from being a program here.
func runnable(m *wasm.Module, host map[string]api.FunctionDefinition) error {
	var missing []string
	for _, i := range m.Imports {
		if i.Module != wasi_snapshot_preview1.ModuleName || i.Kind != wasm.Func || host[i.Name] == nil {
			missing = append(missing, i.Module+"."+i.Name)
		}
	}
	if len(missing) > 0 {
		slices.Sort(missing)
		const most = 10
		more := ""
		if len(missing) > most {
			more = fmt.Sprintf(" and %d more", len(missing)-most)
			missing = missing[:most]
		}
		return fault.Errorf(fault.Invalid, "the module imports what WASI preview 1 doesn't have: %s%s", strings.Join(missing, ", "), more)
	}
	for _, x := range m.Exports {
		if x.Name == "_start" && x.Kind == wasm.Func && x.Signature == ":" {
			return nil
		}
	}
	return fault.Errorf(fault.Invalid, "the module is no program: it exports no function _start without parameters and results")
}

// LoadFile is Load for a file.
func (e *Engine) LoadFile(ctx context.Context, file string) (*Program, error) {
	b, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) {
		return nil, fault.Errorf(fault.NotFound, "there is no file %s", file)
	}
	if err != nil {
		return nil, fmt.Errorf("reading the program: %w", err)
	}
	p, err := e.Load(ctx, b)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Base(file), err)
	}
	return p, nil
}
