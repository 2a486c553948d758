// Signals. While Python runs, node's event loop does not: so a second thread reads from descriptor 3 which signals the command got,
// and says so in memory that Python's interpreter looks at between two instructions.
import fs from "node:fs";
import { Worker } from "node:worker_threads";

// What shared memory holds: the signal that Python has not seen yet, a count of all, and what is to be done about each.
const shared = new SharedArrayBuffer(8 + 65);
const pending = new Uint8Array(shared, 0, 1), count = new Int32Array(shared, 4, 1), dispositions = new Uint8Array(shared, 8);
const byDefault = 0, ignored = 1, handled = 2;
const SIGINT = 2, SIGALRM = 14;

const names = { 1: "SIGHUP", 2: "SIGINT", 10: "SIGUSR1", 12: "SIGUSR2", 14: "SIGALRM", 15: "SIGTERM", 28: "SIGWINCH" };

const thread = `
const { parentPort, workerData } = require("node:worker_threads");
const fs = require("node:fs");
const pending = new Uint8Array(workerData, 0, 1), count = new Int32Array(workerData, 4, 1), dispositions = new Uint8Array(workerData, 8);
const patience = 5000; // ms, for one call of C that looks at no signals

function end(signal) {
  try { fs.writeSync(4, Buffer.of(signal)); } catch {}
  process.kill(process.pid, "SIGKILL");
}
function take(signal) {
  if (dispositions[signal] === ${ignored}) return;
  if (dispositions[signal] === ${byDefault} && ${JSON.stringify(Object.keys(names))}.includes(String(signal)) && signal !== 28) return end(signal);
  if (dispositions[signal] !== ${handled}) return;
  // Who asks twice, since the first time did nothing, means it.
  if (signal === ${SIGINT} && pending[0] === ${SIGINT}) return end(signal);
  Atomics.store(pending, 0, signal);
  const now = Atomics.add(count, 0, 1) + 1;
  Atomics.notify(count, 0);
  if (signal === ${SIGINT}) setTimeout(() => { if (pending[0] === signal && count[0] === now) end(signal); }, patience).unref();
}
// No reading of a file: that would be under way when the process ends, which waits for it.
const stream = new (require("node:net").Socket)({ fd: 3, readable: true, writable: false });
stream.on("data", (bytes) => bytes.forEach(take));
// A timer that goes off while Python runs: [milliseconds until then, and from then on between two]; 0 is never.
let first, regular;
parentPort.on("message", ([delay, interval]) => {
  clearTimeout(first);
  clearInterval(regular);
  const ring = () => take(${SIGALRM});
  if (delay) first = setTimeout(() => {
    if (interval) regular = setInterval(ring, interval);
    ring();
  }, delay);
});
// Without the command there is nobody to run for.
stream.on("end", () => process.kill(process.pid, "SIGKILL"));
`;

let worker;

export function listen() {
  // The terminal sends its signals to node, too; there they mean nothing.
  process.on("SIGINT", () => {});
  dispositions[SIGINT] = handled;
  worker = new Worker(thread, { eval: true, workerData: shared, stdin: false, stdout: false, stderr: false });
  worker.unref();
}

// Waits, and says whether a signal came meanwhile.
export function wait(milliseconds) {
  const before = Atomics.load(count, 0);
  if (pending[0]) return true;
  return Atomics.wait(count, 0, before, milliseconds) !== "timed-out";
}

let interrupted = false;

// The program ended by a KeyboardInterrupt that no part of it took.
export function interrupt() {
  interrupted = true;
}

// What the runtime reads signals from: it takes what it finds, and then writes 0. In an array, a signal that comes in between would be gone
// (one of twenty in a loop that does nothing else). Here what was not read stays.
const buffer = {
  read: 0,
  get 0() {
    return (this.read = Atomics.load(pending, 0));
  },
  set 0(_) {
    if (this.read) Atomics.compareExchange(pending, 0, this.read, 0);
  },
};

// What Python is given to act with.
export function host(py, job, sockets) {
  py.setInterruptBuffer(buffer);
  return {
    // 0 default, 1 ignored, 2 handled
    disposition(signal, what) {
      dispositions[signal] = what;
      if (names[signal] && what === handled) process.on(names[signal], () => {});
    },
    wait,
    timer: (delay, interval) => worker.postMessage([delay, interval]),
    sockets,
    promises: Boolean(py._module.jspiSupported),
    die(signal) {
      fs.writeSync(4, Buffer.of(signal));
      process.kill(process.pid, "SIGKILL");
    },
    pid: job.pid,
    ppid: job.ppid,
    uid: process.getuid(),
    gid: process.getgid(),
    // The name of the error, if there is one.
    kill(pid, signal) {
      try {
        process.kill(pid, signal);
      } catch (error) {
        return error.code ?? "EINVAL";
      }
    },
  };
}

// Ends the process. The command ends by the signal itself then, as native programs do.
export function end(status) {
  if (interrupted) fs.writeSync(4, Buffer.of(SIGINT));
  process.exit(status);
}
