// Starts Python as a command, or makes a snapshot: node host.mjs. What is to be done comes on file descriptor 3 as one line of
// JSON (internal/python/job.go); afterwards that descriptor carries a byte for each signal, and 4 takes back what the command is
// to be ended by.
import fs from "node:fs";
import { configure } from "./configure.mjs";
import { makeSnapshot, start } from "./interpreter.mjs";
import { attach } from "./machine.mjs";
import * as signals from "./signals.mjs";

function readJob() {
  const parts = [], part = Buffer.alloc(1 << 16);
  for (;;) {
    const n = fs.readSync(3, part, 0, part.length);
    if (n === 0) throw new Error("file descriptor 3 ended before there was a job");
    parts.push(Buffer.from(part.subarray(0, n)));
    if (part[n - 1] === 10) return JSON.parse(Buffer.concat(parts).toString());
  }
}

const internal = 70; // docs/reference/exit-status.md

async function run(job) {
  signals.listen();
  const py = await start(job);
  attach(py._module, job);
  const M = py._module;
  // Waiting for a socket is waiting for node, which is only possible where the engine can put Python's stack aside.
  const sockets = Boolean(M.jspiSupported && py.useNodeSockFS && process.versions?.node);
  if (sockets) await py.useNodeSockFS();
  configure(py, job, signals.host(py, job, sockets));
  const status = M.jspiSupported ? await M.promisingRunMain() : M._run_main();
  if (status === 1 && py.pyimport("_python_wasm").interrupted()) signals.interrupt();
  // What atexit holds runs now, and what is buffered is written. A program that left by exit has done so.
  return M._Py_FinalizeEx() < 0 ? 120 : status;
}

const job = readJob();
try {
  if (job.makeSnapshot) await makeSnapshot(job);
  else signals.end(await run(job));
  process.exit(0);
} catch (error) {
  if (error?.constructor?.name === "ExitStatus") signals.end(error.status);
  if (error?.type === "KeyboardInterrupt") {
    signals.interrupt(); // before the program has begun
    signals.end(130);
  }
  // The runtime's own errors bring all of its source with them.
  const text = error?.constructor?.name === "PythonError" ? error.message : (error?.stack ?? error);
  fs.writeSync(2, "python-wasm: " + String(text).slice(0, 4000) + "\n");
  process.exit(internal);
}
