// What the programs that run inside the Runtime image share: events, the interpreter from a snapshot, and what it needed.
import fs from "node:fs";
import { fileURLToPath } from "node:url";

// One JSON object a line, written at once, so that they survive an aborted or killed process.
const events = fs.openSync("/out/events.jsonl", "a");
export const emit = (line) => fs.writeSync(events, line + "\n");
export const tell = (event) => emit(JSON.stringify(event));

export function write(bytes) {
  for (let done = 0; done < bytes.length; ) done += fs.writeSync(1, bytes, done);
  return bytes.length;
}
export const print = (...words) => write(Buffer.from(brief(words.join(" ")) + "\n"));

// The runtime's source is one line of 1.3 MB, which stack traces and uncaught errors quote.
export const brief = (text) => (text.length > 4000 ? text.slice(0, 4000) + " …" : text);

export function message(error) {
  if (error?.name === "PythonError") return brief(error.message.trim().split("\n").pop());
  return brief(String(error).replace(/^Error: /, "").trim());
}

export const files = { pyodide: "/opt/pyodide/", pytest: "/opt/pytest" };

// The runtime restores a snapshot only into memory that is large enough, and has no setting for that: so memory is
// made to grow by allocating, of which the restored memory knows nothing. Past its end all must be zero, as fresh
// memory is.
export async function restore(file) {
  const bytes = fs.readFileSync(file);
  const begin = new Uint32Array(bytes.buffer, bytes.byteOffset, 2)[1]; // of the memory, after a header
  const size = bytes.length - begin;
  const createPyodideModule = async (settings) => {
    const { default: create } = await import(files.pyodide + "pyodide.asm.mjs");
    const module = await create(settings);
    while (module.HEAP8.length < size) if (!module._malloc(1 << 20)) throw new Error("no memory for the interpreter");
    module.HEAP8.fill(0, size);
    return module;
  };
  return { _loadSnapshot: bytes, createPyodideModule };
}

// A snapshot holds the memory of a started interpreter: "bare", or with pytest imported. Where a wheel of the job has a
// module that pytest comes with, too, the wheel's is the one to use, by pytest as well.
export function snapshotFor(job) {
  const modules = new Set(fs.readdirSync(files.pytest).map((name) => name.replace(/\.py$/, "")));
  return job.wheels.some((wheel) => wheel.modules.some((name) => modules.has(name))) ? "bare.bin" : "pytest.bin";
}

export function mount(py, folder, root = folder) {
  py.FS.mkdirTree(folder);
  py.FS.mount(py.FS.filesystems.NODEFS, { root }, folder);
}

// The stack that C code uses lies in memory, below what is in use: it is painted, and where the paint is gone it was used.
const paint = 0xa5;

export function paintStack(module) {
  module.HEAPU8.fill(paint, module._emscripten_stack_get_end(), module._emscripten_stack_get_current() - 1024);
}

export function needs(module) {
  const [base, end] = [module._emscripten_stack_get_base(), module._emscripten_stack_get_end()];
  let untouched = end;
  while (untouched < base && module.HEAPU8[untouched] === paint) untouched++;
  return { event: "needs", memory: module.HEAP8.length, stack: base - untouched, stack_limit: base - end };
}

export const script = (name) => fs.readFileSync(fileURLToPath(new URL(name, import.meta.url)), "utf8");
