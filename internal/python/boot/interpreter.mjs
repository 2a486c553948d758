// An interpreter that knows nothing yet of the command line: started, or restored from a snapshot of its memory.
import fs from "node:fs";
import { fileURLToPath, pathToFileURL } from "node:url";

const boot = (name) => fs.readFileSync(fileURLToPath(new URL(name, import.meta.url)), "utf8");

// Without a lock the runtime would look for packages of its own distribution; ours come from folders.
function settings(job) {
  const { info } = JSON.parse(fs.readFileSync(job.runtime + "/pyodide-lock.json", "utf8"));
  return {
    // Whatever depends on the machine, or is part of the command line, comes later (bootstrap.py).
    args: ["-S", ...job.startArguments],
    env: { HOME: "/", PYTHONINSPECT: "", ...job.startEnvironment },
    _sysExecutable: job.executable,
    lockFileContents: JSON.stringify({ info, packages: {} }),
    packageBaseUrl: job.runtime + "/",
    checkAPIVersion: false,
  };
}

async function load(job, more) {
  const { loadPyodide } = await import(pathToFileURL(job.runtime + "/pyodide.mjs"));
  return loadPyodide({ ...settings(job), ...more });
}

function prepare(py) {
  py.globals.set("source", [boot("wasi/start/_python_wasm_common.py"), boot("bootstrap.py"), boot("limits.py")]);
  py.runPython(`
def _prepare(sources):
    import sys, types
    module = types.ModuleType("_python_wasm", "What makes this interpreter the command python-wasm.")
    for source in sources:
        exec(compile(source, "<python-wasm>", "exec"), module.__dict__)
    sys.modules["_python_wasm"] = module
    # What there is now stays: no collection need look at it, not the last ones either.
    import gc
    gc.collect()
    gc.freeze()
_prepare(source)
del _prepare, source
`);
}

export async function makeSnapshot(job) {
  const py = await load(job, { _makeSnapshot: true });
  prepare(py);
  fs.writeFileSync(job.makeSnapshot, py.makeMemorySnapshot());
}

export async function start(job) {
  if (!job.snapshot) {
    const py = await load(job, {});
    prepare(py);
    return py;
  }
  return restore(job);
}

// The runtime restores a snapshot only into memory that is large enough, and has no setting for that: so memory is made to grow
// by allocating, of which the restored memory knows nothing. Past its end all must be zero, as fresh memory is.
async function restore(job) {
  const compiled = compileAside(job.runtime + "/pyodide.asm.wasm");
  const [script] = ["/pyodide.asm.mjs", "/pyodide.asm.js"].map((name) => job.runtime + name).filter(fs.existsSync);
  const loaded = await import(pathToFileURL(script));
  const create = globalThis._createPyodideModule ?? loaded.default;
  const snapshot = new Snapshot(job.snapshot, job.snapshotSize);
  const createPyodideModule = async (settings) => {
    settings.INITIAL_MEMORY = job.snapshotSize; // which it would take from what it has got
    const module = await create(settings);
    while (module.HEAP8.length < snapshot.size) if (!module._PyMem_RawMalloc(1 << 20)) throw new Error("no memory for the interpreter");
    module.HEAP8.fill(0, snapshot.size);
    snapshot.memory = module.HEAPU8;
    return module;
  };
  globalThis._createPyodideModule = createPyodideModule; // where runtimes before 314 look
  const py = await load(job, { _loadSnapshot: snapshot.head(), createPyodideModule });
  delete globalThis._createPyodideModule;
  await compiled;
  return py;
}

// Threads of the engine compile the runtime's module while its script is read; the runtime gets it when it asks for it, which it does in
// one way in node and in another in a browser. It is not the first to ask: in engines with exnref it has a small module of its own, which
// is compiled already, and imports nothing.
function compileAside(file) {
  const { instantiate } = WebAssembly;
  const compiled = process.versions?.node ? WebAssembly.compile(fs.readFileSync(file)) : WebAssembly.compileStreaming(fetch(file));
  const way = process.versions?.node ? "instantiate" : "instantiateStreaming";
  const before = WebAssembly[way];
  WebAssembly[way] = async (source, imports) => {
    if (!imports) return before(source);
    WebAssembly[way] = before;
    const module = await compiled;
    return { module, instance: await instantiate(module, imports) };
  };
  return compiled;
}

// A snapshot's file: a header, then the memory. The runtime gets the header alone, and where it would take the memory out of what it
// has got, the file is read into the interpreter's: 31 MB that need not be held twice.
class Snapshot {
  #fd;
  #begin;
  constructor(file, length) {
    this.#fd = fs.openSync(file);
    this.#begin = new Uint32Array(this.#read(new Uint8Array(8), 0).buffer)[1];
    this.size = length - this.#begin; // a checksum follows
  }
  head() {
    const head = this.#read(new Uint8Array(this.#begin), 0);
    head.subarray = (from, to) => {
      if (from < this.#begin) return Uint8Array.prototype.subarray.call(head, from, to);
      this.#read(this.memory.subarray(0, this.size), this.#begin);
      fs.closeSync(this.#fd);
      return new Uint8Array();
    };
    return head;
  }
  #read(into, at) {
    for (let done = 0; done < into.length; ) {
      const n = fs.readSync(this.#fd, into, done, into.length - done, at + done);
      if (n === 0) throw new Error("the snapshot is cut off");
      done += n;
    }
    return into;
  }
}
