// Runs inside the Runtime image. node run.mjs MODE:
//
//   snapshot  starts interpreters and keeps their memory
//   test      imports the job's modules and runs the recipe's own tests
//   suite     runs the commands of the recipe's wasmill.test
//
// Each import and each command is a process of its own (modes import and command). The package's own output goes to
// stdout; what happens is told in /out/events.jsonl.
import { spawnSync } from "node:child_process";
import fs from "node:fs";
import { loadPyodide, version } from "/opt/pyodide/pyodide.mjs";
import * as rt from "./node.mjs";

const { emit, tell, print, message } = rt;

// The runtime reports its own death on the console, and node would use a pipe of its own for it: one stream keeps the
// order.
console.log = console.info = console.warn = console.error = print;

const job = process.argv[2] === "snapshot" ? null : JSON.parse(fs.readFileSync("/job/job.json", "utf8"));
let module = null; // of the interpreter that runs

function needs() {
  try {
    if (module) tell(rt.needs(module));
  } catch {
    // a dead runtime need not have readable memory
  }
}

function die(error) {
  print("fatal: " + message(error));
  needs();
  tell({ event: "fatal", message: message(error) });
  process.exit(1);
}

// Nothing has died, but there is no going on.
function giveUp(phase, text) {
  print(text);
  tell({ event: "gave-up", phase, message: rt.brief(text) });
  process.exit(1);
}
process.on("uncaughtException", die);
process.on("unhandledRejection", die);

// What the runtime itself imports for the first wheel that it loads, before anything of the wheel runs.
const loader = "import encodings.cp437, importlib.metadata, tarfile";

// Snapshots are made once per image: starting from one takes a tenth of the time. The imports begin with the bare
// interpreter, the tests with one that has run pytest before. The runtime itself is kept beside them for containers of
// the other image, which has a Python of its own.
async function snapshot() {
  const bare = await loadPyodide({ _makeSnapshot: true });
  bare.runPython(loader);
  fs.writeFileSync("/out/bare.bin", bare.makeMemorySnapshot());
  const warm = await loadPyodide({ _makeSnapshot: true });
  warm.runPython(loader);
  rt.mount(warm, rt.files.pytest);
  warm.runPython(script).get("warm_up")();
  warm.FS.unmount(rt.files.pytest);
  fs.writeFileSync("/out/pytest.bin", warm.makeMemorySnapshot());
  fs.cpSync("/opt/pyodide", "/out/pyodide", { recursive: true, filter: (name) => !/\.(map|html|d\.ts)$/.test(name) });
  for (const name of ["pytest", "micropip"]) fs.cpSync("/opt/" + name, "/out/" + name, { recursive: true });
  tell({ event: "done" });
}

const script = rt.script("run.py");

// A fresh interpreter that holds the job's wheels, loaded as any user's lock would have them loaded.
async function interpreter(snapshot, wheels = job.wheels) {
  const py = await loadPyodide({
    ...(await rt.restore("/snapshot/" + snapshot)),
    lockFileContents: lock(),
    packageBaseUrl: "/job/wheels/",
  });
  module = py._module;
  rt.paintStack(module);
  py.setStdin({ stdin: () => null });
  py.setStdout({ write: rt.write });
  py.setStderr({ write: rt.write });
  const trouble = [];
  await py.loadPackage(
    wheels.map((wheel) => wheel.name),
    { messageCallback: () => {}, errorCallback: (text) => trouble.push(text) },
  );
  if (trouble.length) giveUp("import", "loading the wheels: " + trouble.join("; "));
  return { py, ours: py.runPython(script) };
}

function lock() {
  const { info } = JSON.parse(fs.readFileSync("/opt/pyodide/pyodide-lock.json", "utf8"));
  const packages = {};
  for (const { name, version, file, sha256 } of job.wheels)
    packages[name] = {
      name, version, file_name: file, sha256, install_dir: "site", package_type: "package", imports: [], depends: [],
    };
  return { info, packages };
}

// The statuses by which a child says that it came to its end.
const passed = 10, failed = 11;

// What one import leaves behind must not help the next: each has a process. One that died has said why, or is killed.
function child(...args) {
  const { status, signal } = spawnSync(process.execPath, [process.argv[1], ...args], { stdio: "inherit" });
  if (status === passed || status === failed) return status === passed;
  process.exit(signal ? 137 : status);
}

async function importOne(name) {
  const { ours } = await interpreter("bare.bin", job.wheels.filter((wheel) => !wheel.tests));
  const good = await ours.get("imports").callPromising(name, emit);
  needs();
  process.exit(good ? passed : failed);
}

async function test() {
  tell({ event: "runtime", name: `pyodide ${version}, node ${process.version}` });
  const imported = job.imports.map((name) => child("import", name)).every(Boolean);
  if (imported && job.tests.length) {
    const { py, ours } = await interpreter(rt.snapshotFor(job));
    rt.mount(py, "/job/tests");
    rt.mount(py, rt.files.pytest);
    const trouble = await ours.get("tests").callPromising(job.tests, emit);
    needs();
    if (trouble) giveUp("test", trouble);
  }
  tell({ event: "done" });
}

// A test that kills the runtime must not hide the others: the command runs once more, without those that have ended.
async function suite() {
  tell({ event: "runtime", name: `pyodide ${version}, node ${process.version}` });
  for (const index of job.commands.keys()) {
    for (;;) {
      const { status, signal } = spawnSync(process.execPath, [process.argv[1], "command", String(index)], { stdio: "inherit" });
      if (status === passed) break;
      if (signal || !survive(index)) process.exit(signal ? 137 : status);
    }
  }
  tell({ event: "done" });
}

// Tells the test in which a command's process died as failed; false where there is none.
function survive(index) {
  const all = told();
  const death = all.at(-1);
  const running = all.findLast((e) => e.event === "start" || e.event === "end");
  if (death?.event !== "died" || running?.event !== "start" || running.name === job.commands[index].join(" ")) {
    tell({ event: "fatal", message: death?.message ?? "the process ended" });
    return false;
  }
  tell({ ...running, event: "end", outcome: "failed", seconds: 0, message: "the runtime died: " + death.message });
  return true;
}

const told = () => fs.readFileSync("/out/events.jsonl", "utf8").trim().split("\n").map((line) => JSON.parse(line));

async function command(index) {
  const command = job.commands[index];
  const last = (error) => {
    print("fatal: " + message(error));
    needs();
    tell({ event: "died", message: message(error) });
    process.exit(1);
  };
  for (const event of ["uncaughtException", "unhandledRejection"]) process.removeAllListeners(event).on(event, last);
  try {
    const { py, ours } = await interpreter(command[0] === "pytest" ? rt.snapshotFor(job) : "bare.bin");
    rt.mount(py, "/job/suite");
    rt.mount(py, rt.files.pytest);
    const ended = told().filter((e) => e.event === "end" && e.from === command.join(" ")).map((e) => e.name);
    await ours.get("command").callPromising(JSON.stringify({ command, environment: job.environment, ended }), emit);
    needs();
  } catch (error) {
    last(error);
  }
  process.exit(passed);
}

await { snapshot, test, import: importOne, suite, command }[process.argv[2]](process.argv[3]).catch(die);
process.exit(0);
