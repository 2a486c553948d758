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

// A snapshot holds the started interpreter's memory, made once per image: starting takes a tenth of the time. It holds
// nothing but the bare interpreter, since the runtime can't restore more memory than it begins with.
async function snapshot() {
  const py = await loadPyodide({ _makeSnapshot: true });
  fs.writeFileSync("/out/snapshot.bin", py.makeMemorySnapshot());
  fs.mkdirSync("/out/pyc");
  const warm = await loadPyodide();
  mount(warm, "/opt/pytest");
  mount(warm, "/out/pyc");
  warm.runPython(script).get("compile_pytest")("/out/pyc");
  tell({ event: "done" });
}

const script = fs.readFileSync("/job/run.py", "utf8");

function mount(py, folder) {
  py.FS.mkdirTree(folder);
  py.FS.mount(py.FS.filesystems.NODEFS, { root: folder }, folder);
}

// A fresh interpreter that holds the job's wheels, loaded as any user's lock would have them loaded.
async function interpreter(job) {
  const py = await loadPyodide({
    _loadSnapshot: fs.readFileSync("/snapshot/snapshot.bin"),
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
  const imports = await interpreter(job);
  const imported = await imports.ours.get("imports").callPromising(job.imports, emit);
  if (imported && job.tests.length) {
    // What the imports left behind must not help the tests, nor pytest's own modules the imports.
    const { py, ours } = await interpreter(job);
    mount(py, "/job/tests");
    mount(py, "/opt/pytest");
    mount(py, "/snapshot/pyc");
    const trouble = await ours.get("tests").callPromising(job.tests, emit);
    if (trouble) giveUp("test", trouble);
  }
  tell({ event: "done" });
}

await { snapshot, test }[process.argv[2]]().catch(die);
process.exit(0);
