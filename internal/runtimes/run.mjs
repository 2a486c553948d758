// Runs inside the Runtime image: node run.mjs snapshot | test. It tells what happens as JSON lines in /out/events.jsonl,
// written at once, so that they survive an aborted or killed process; the package's own output goes to stdout.
import fs from "node:fs";
import { loadPyodide, version } from "/opt/pyodide/pyodide.mjs";

const events = fs.openSync("/out/events.jsonl", "a");
const emit = (line) => fs.writeSync(events, line + "\n");
const tell = (event) => emit(JSON.stringify(event));

function write(bytes) {
  for (let done = 0; done < bytes.length; ) done += fs.writeSync(1, bytes, done);
  return bytes.length;
}
const print = (...words) => write(Buffer.from(brief(words.join(" ")) + "\n"));
// The runtime reports its own death on the console, and node would use a pipe of its own for it: one stream keeps the
// order.
console.log = console.info = console.warn = console.error = print;

// The runtime's source is one line of 1.3 MB, which stack traces and uncaught errors quote.
const brief = (text) => (text.length > 4000 ? text.slice(0, 4000) + " …" : text);

function message(error) {
  if (error?.name === "PythonError") return brief(error.message.trim().split("\n").pop());
  return brief(String(error).replace(/^Error: /, "").trim());
}

function die(error) {
  print("fatal: " + message(error));
  tell({ event: "fatal", message: message(error) });
  process.exit(1);
}

// Nothing has died, but there is no going on.
function giveUp(phase, text) {
  print(text);
  tell({ event: "gave-up", phase, message: brief(text) });
  process.exit(1);
}
process.on("uncaughtException", die);
process.on("unhandledRejection", die);

// What the runtime itself imports for the first wheel that it loads, before anything of the wheel runs.
const loader = "import encodings.cp437, importlib.metadata, tarfile";

// A snapshot holds the memory of a started interpreter, made once per image: starting from one takes a tenth of the
// time. The imports begin with the bare interpreter, the tests with one that has run pytest before.
async function snapshot() {
  const bare = await loadPyodide({ _makeSnapshot: true });
  bare.runPython(loader);
  fs.writeFileSync("/out/bare.bin", bare.makeMemorySnapshot());
  const warm = await loadPyodide({ _makeSnapshot: true });
  warm.runPython(loader);
  mount(warm, "/opt/pytest");
  warm.runPython(script).get("warm_up")();
  warm.FS.unmount("/opt/pytest");
  fs.writeFileSync("/out/pytest.bin", warm.makeMemorySnapshot());
  tell({ event: "done" });
}

// The runtime restores a snapshot only into memory that is large enough, and has no setting for that: so memory is
// made to grow by allocating, of which the restored memory knows nothing. Past its end all must be zero, as fresh
// memory is.
async function restore(file) {
  const bytes = fs.readFileSync(file);
  const begin = new Uint32Array(bytes.buffer, bytes.byteOffset, 2)[1]; // of the memory, after a header
  const size = bytes.length - begin;
  const createPyodideModule = async (settings) => {
    const { default: create } = await import("/opt/pyodide/pyodide.asm.mjs");
    const module = await create(settings);
    while (module.HEAP8.length < size) if (!module._malloc(1 << 20)) throw new Error("no memory for the interpreter");
    module.HEAP8.fill(0, size);
    return module;
  };
  return { _loadSnapshot: bytes, createPyodideModule };
}

const script = fs.readFileSync("/job/run.py", "utf8");

function mount(py, folder) {
  py.FS.mkdirTree(folder);
  py.FS.mount(py.FS.filesystems.NODEFS, { root: folder }, folder);
}

// A fresh interpreter that holds the job's wheels, loaded as any user's lock would have them loaded.
async function interpreter(job, snapshot) {
  const py = await loadPyodide({
    ...(await restore("/snapshot/" + snapshot)),
    lockFileContents: lock(job),
    packageBaseUrl: "/job/wheels/",
  });
  py.setStdin({ stdin: () => null });
  py.setStdout({ write });
  py.setStderr({ write });
  const trouble = [];
  await py.loadPackage(
    job.wheels.map((wheel) => wheel.name),
    { messageCallback: () => {}, errorCallback: (text) => trouble.push(text) },
  );
  if (trouble.length) giveUp("import", "loading the wheels: " + trouble.join("; "));
  return { py, ours: py.runPython(script) };
}

function lock(job) {
  const { info } = JSON.parse(fs.readFileSync("/opt/pyodide/pyodide-lock.json", "utf8"));
  const packages = {};
  for (const { name, version, file, sha256 } of job.wheels)
    packages[name] = {
      name, version, file_name: file, sha256, install_dir: "site", package_type: "package", imports: [], depends: [],
    };
  return { info, packages };
}

async function test() {
  const job = JSON.parse(fs.readFileSync("/job/job.json", "utf8"));
  tell({ event: "runtime", name: `pyodide ${version}, node ${process.version}` });
  const imports = await interpreter(job, "bare.bin");
  const imported = await imports.ours.get("imports").callPromising(job.imports, emit);
  if (imported && job.tests.length) {
    // What the imports left behind must not help the tests, nor pytest's own modules the imports.
    // Where a wheel has a module that pytest comes with, too, the wheel's is the one to use, by pytest as well.
    const modules = fs.readdirSync("/opt/pytest").map((name) => name.replace(/\.py$/, ""));
    const clash = imports.ours.get("has_any")(modules);
    const { py, ours } = await interpreter(job, clash ? "bare.bin" : "pytest.bin");
    mount(py, "/job/tests");
    mount(py, "/opt/pytest");
    const trouble = await ours.get("tests").callPromising(job.tests, emit);
    if (trouble) giveUp("test", trouble);
  }
  tell({ event: "done" });
}

await { snapshot, test }[process.argv[2]]().catch(die);
process.exit(0);
