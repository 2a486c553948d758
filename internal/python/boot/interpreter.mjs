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
  py.globals.set("source", [boot("bootstrap.py"), boot("limits.py")]);
  py.runPython(`
def _prepare(sources):
    import sys, types
    module = types.ModuleType("_python_wasm", "What makes this interpreter the command python-wasm.")
    for source in sources:
        exec(compile(source, "<python-wasm>", "exec"), module.__dict__)
    sys.modules["_python_wasm"] = module
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
  const file = fs.readFileSync(job.snapshot);
  const bytes = file.subarray(0, job.snapshotSize); // a checksum follows
  const begin = new Uint32Array(bytes.buffer, bytes.byteOffset, 2)[1]; // of the memory, after a header
  const size = bytes.length - begin;
  const [script] = ["/pyodide.asm.mjs", "/pyodide.asm.js"].map((name) => job.runtime + name).filter(fs.existsSync);
  const loaded = await import(pathToFileURL(script));
  const create = globalThis._createPyodideModule ?? loaded.default;
  const createPyodideModule = async (settings) => {
    const module = await create(settings);
    while (module.HEAP8.length < size) if (!module._PyMem_RawMalloc(1 << 20)) throw new Error("no memory for the interpreter");
    module.HEAP8.fill(0, size);
    return module;
  };
  globalThis._createPyodideModule = createPyodideModule; // where runtimes before 314 look
  const py = await load(job, { _loadSnapshot: bytes, createPyodideModule });
  delete globalThis._createPyodideModule;
  return py;
}
