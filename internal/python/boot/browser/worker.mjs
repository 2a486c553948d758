// Runs host.mjs in a worker of a page, with what that uses of node.
import fs, { call } from "./node/fs.mjs";

const encoder = new TextEncoder(), decoder = new TextDecoder();
class Buffer extends Uint8Array {
  static from(what, encoding) {
    if (encoding === "base64") return super.from(atob(what), (c) => c.charCodeAt(0));
    return super.from(typeof what === "string" ? encoder.encode(what) : what);
  }
  static alloc(size) {
    return new Buffer(size);
  }
  static concat(parts) {
    const all = new Buffer(parts.reduce((n, p) => n + p.length, 0));
    parts.reduce((at, p) => (all.set(p, at), at + p.length), 0);
    return all;
  }
  toString() {
    return decoder.decode(this);
  }
}
const { uid, gid } = call("hello", {});
function exit(status) {
  call("exit", { status: status ?? 0 });
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0); // until the browser is ended
}
globalThis.Buffer = Buffer;
globalThis.pythonWasmFs = fs;
globalThis.process = {
  pid: -1,
  on() {},
  exit,
  getuid: () => uid,
  getgid: () => gid,
  kill(pid, signal) {
    if (pid === -1) return exit(1);
    call("kill", { fd: pid, flags: signal });
  },
};
try {
  await import("../host.mjs");
} catch (error) {
  fs.writeSync(2, "python-wasm: " + String(error?.stack ?? error).slice(0, 4000) + "\n");
  exit(70);
}
