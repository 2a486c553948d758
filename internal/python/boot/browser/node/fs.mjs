// What python-wasm's scripts and the runtime use of node's fs, done by the command over requests that wait.
const here = new URL("../..", import.meta.url).pathname; // …/boot/
const root = new URL("../../..", import.meta.url).pathname;

class SystemError extends Error {
  constructor(code, call) {
    super(`${code}: ${call}`);
    this.code = code;
  }
}

const encoder = new TextEncoder(), decoder = new TextDecoder();

export function call(name, parameters, data) {
  const request = new XMLHttpRequest();
  request.open("POST", root + "call", false);
  request.responseType = "arraybuffer";
  const head = encoder.encode(JSON.stringify({ name, ...parameters }) + "\n");
  request.send(data?.length ? new Blob([head, data]) : head);
  if (request.status !== 200) throw new SystemError("EIO", name);
  const answer = new Uint8Array(request.response);
  const end = answer.indexOf(10);
  const result = JSON.parse(decoder.decode(answer.subarray(0, end)));
  if (result.error) throw new SystemError(result.error, name);
  return { ...result, data: answer.subarray(end + 1) };
}

const S_IFMT = 0o170000;
function stat(name, parameters) {
  const { stat: s } = call(name, parameters);
  return {
    ...s,
    atime: new Date(s.atimeMs), mtime: new Date(s.mtimeMs), ctime: new Date(s.ctimeMs),
    isFIFO: () => false, // which its readers do without: a read here hears of signals
    isDirectory: () => (s.mode & S_IFMT) === 0o040000,
  };
}

const bytes = (data) => (typeof data === "string" ? encoder.encode(data) : data);
const seconds = (time) => (time instanceof Date ? time.getTime() / 1000 : time);

function readFileSync(path, encoding) {
  const request = new XMLHttpRequest();
  request.open("GET", path, false);
  request.responseType = "arraybuffer";
  request.send();
  if (request.status !== 200) throw new SystemError("ENOENT", path);
  const found = new Uint8Array(request.response);
  return encoding ? decoder.decode(found) : found;
}

const fs = {
  constants: { O_RDONLY: 0, O_NONBLOCK: 0, O_NOCTTY: 0 },
  readFileSync,
  existsSync(path) {
    const request = new XMLHttpRequest();
    request.open("HEAD", path, false);
    request.send();
    return request.status === 200;
  },
  lstatSync: (path) => stat("lstat", { path }),
  fstatSync: (fd) => stat("fstat", { fd }),
  chmodSync: (path, mode) => call("chmod", { path, mode }),
  fchmodSync: (fd, mode) => call("chmod", { fd, mode }),
  utimesSync: (path, a, m) => call("utimes", { path, times: [seconds(a), seconds(m)] }),
  lutimesSync: (path, a, m) => call("lutimes", { path, times: [seconds(a), seconds(m)] }),
  futimesSync: (fd, a, m) => call("utimes", { fd, times: [seconds(a), seconds(m)] }),
  truncateSync: (path, size) => call("truncate", { path, size }),
  ftruncateSync: (fd, size) => call("truncate", { fd, size }),
  mkdirSync: (path, mode) => call("mkdir", { path, mode }),
  writeFileSync(path, data, { mode } = {}) {
    const fd = fs.openSync(path, 1 | 0o100 | 0o1000, mode);
    const most = 8 << 20; // at once
    for (let done = 0; done < data.length; ) done += fs.writeSync(fd, data, done, Math.min(most, data.length - done), done);
    fs.closeSync(fd);
  },
  renameSync: (path, to) => call("rename", { path, to }),
  unlinkSync: (path) => call("unlink", { path }),
  rmdirSync: (path) => call("rmdir", { path }),
  readdirSync: (path) => call("readdir", { path }).names,
  symlinkSync: (target, path) => call("symlink", { path, to: target }),
  readlinkSync: (path) => call("readlink", { path }).names[0],
  statfsSync: () => ({ bsize: 4096, blocks: 1e6, bfree: 5e5, bavail: 5e5, files: 1e6, ffree: 1e6, type: 0 }),
  openSync: (path, flags, mode = 0o666) => call("open", { path, flags, mode }).fd,
  closeSync: (fd) => void call("close", { fd }),
  readSync(fd, buffer, offset, length, position) {
    const { data } = call("read", { fd, size: length, position: position ?? null });
    new Uint8Array(buffer.buffer ?? buffer, buffer.byteOffset ?? 0).set(data, offset);
    return data.length;
  },
  writeSync(fd, buffer, offset = 0, length = undefined, position = null) {
    const all = bytes(buffer);
    const part = new Uint8Array(all.buffer, all.byteOffset, all.byteLength).slice(offset, length === undefined ? undefined : offset + length);
    return call("write", { fd, position }, part).size;
  },
};
export default fs;
export { here };
