// What the programs that run inside the Runtime image share, under node: events, the interpreter from a snapshot, and files.
import fs from "node:fs";
import { fileURLToPath } from "node:url";
import { brief, files } from "./runtime.mjs";

export * from "./runtime.mjs";

// One JSON object a line, written at once, so that they survive an aborted or killed process.
const events = fs.openSync("/out/events.jsonl", "a");
export const emit = (line) => fs.writeSync(events, line + "\n");
export const tell = (event) => emit(JSON.stringify(event));

export function write(bytes) {
  for (let done = 0; done < bytes.length; ) done += fs.writeSync(1, bytes, done);
  return bytes.length;
}
export const print = (...words) => write(Buffer.from(brief(words.join(" ")) + "\n"));

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

export const script = (name) => fs.readFileSync(fileURLToPath(new URL(name, import.meta.url)), "utf8");
