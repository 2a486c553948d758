// Runs in a page of Chromium, called by chromium.py: what run.mjs is under node. Each function holds one interpreter, and
// each call has a page of its own. What happens and what is printed go to the server as they come.
import * as rt from "./runtime.mjs";

// Synchronous, so that it keeps its order, and survives a page that ends.
function post(path, body) {
  const request = new XMLHttpRequest();
  request.open("POST", path, false);
  request.send(body);
}

// What is printed is collected for a moment, since each post takes milliseconds.
let printed = [], size = 0, since = performance.now();
function flush() {
  if (size) post("/printed", new Blob(printed));
  [printed, size, since] = [[], 0, performance.now()];
}
function write(bytes) {
  printed.push(bytes.slice());
  size += bytes.length;
  if (size > 1 << 14 || performance.now() - since > 50) flush();
  return bytes.length;
}
const print = (...words) => write(new TextEncoder().encode(rt.brief(words.join(" ")) + "\n"));

function emit(line) {
  flush();
  post("/told", line);
}
const tell = (event) => emit(JSON.stringify(event));

// Where the runtime reports its own death.
console.log = console.info = console.warn = console.error = print;

const at = (name) => "/wasmill/" + name;
const read = async (name) => (await fetch(at(name))).text();
let module = null; // of the interpreter that runs

function needs() {
  try {
    if (module) tell(rt.needs(module));
  } catch {
    // a dead runtime need not have readable memory
  }
}

// The runtime may die without anybody's call coming back.
const death = new Promise((_, reject) => {
  addEventListener("error", (event) => reject(event.error ?? event.message));
  addEventListener("unhandledrejection", (event) => reject(event.reason));
});
death.catch(() => {});

// Says how a call came to its end: as it should ("passed", "failed"), or with its last words.
async function ending(call) {
  try {
    const good = await Promise.race([call(), death]);
    needs();
    return good ? "passed" : "failed";
  } catch (error) {
    print("fatal: " + rt.message(error));
    needs();
    return "died: " + rt.message(error);
  } finally {
    flush();
  }
}

async function unpack(py, name, folder) {
  const bytes = await (await fetch(at(name))).arrayBuffer();
  py.unpackArchive(bytes, "zip", { extractDir: folder });
}

// A fresh interpreter that holds wheels, loaded from the lock that is served beside the runtime, with its hashes.
async function interpreter(wheels) {
  const { loadPyodide } = await import("/pyodide.mjs");
  const py = await loadPyodide();
  module = py._module;
  rt.paintStack(module);
  py.setStdin({ stdin: () => null });
  py.setStdout({ write });
  py.setStderr({ write });
  const trouble = [];
  await py.loadPackage(
    wheels.map((wheel) => wheel.name),
    { messageCallback: () => {}, errorCallback: (text) => trouble.push(text) },
  );
  if (trouble.length) throw new Error("loading the wheels: " + trouble.join("; "));
  return { py, ours: py.runPython(await read("run.py")) };
}

export const importOne = (job, name) =>
  ending(async () => {
    const { ours } = await interpreter(job.wheels.filter((wheel) => !wheel.tests));
    return ours.get("imports").callPromising(name, emit);
  });

// The recipe's own tests. What pytest itself has to say is the outcome.
export async function tests(job) {
  let trouble;
  const ended = await ending(async () => {
    const { py, ours } = await interpreter(job.wheels);
    await unpack(py, "pytest.zip", rt.files.pytest);
    await unpack(py, "tests.zip", "/job/tests");
    trouble = await ours.get("tests").callPromising(job.tests, emit);
    return !trouble;
  });
  return ended === "failed" ? "failed: " + trouble : ended;
}

// One command of wasmill.test.run, without the tests of it that have ended before.
export const command = (job, words, ended) =>
  ending(async () => {
    const { py, ours } = await interpreter(job.wheels);
    await unpack(py, "pytest.zip", rt.files.pytest);
    await unpack(py, "suite.zip", "/job/suite");
    await ours.get("command").callPromising(JSON.stringify({ command: words, environment: job.environment, ended }), emit);
    return true;
  });

// Prepares an interpreter of pytest-pyodide.
export async function prepare(py) {
  await unpack(py, "pytest.zip", rt.files.pytest);
  await unpack(py, "helpers.zip", "/opt/helpers");
  py.runPython("import sys; sys.path += [p for p in ('/opt/pytest', '/opt/helpers') if p not in sys.path]");
  rt.paintStack(py._module);
  globalThis.wasmillNeeds = rt.needs;
}
