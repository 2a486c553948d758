// The machine as Python sees it: its folders at their own paths, and its standard streams.
import fs from "node:fs";
import tty from "node:tty";
import { fileURLToPath } from "node:url";
import * as signals from "./signals.mjs";

export function attach(M, job) {
  const { FS } = M;
  // Old ones of Emscripten take a link's target for a path in node's own current folder, and make it absolute.
  const { NODEFS } = FS.filesystems;
  NODEFS.node_ops.readlink = (node) => {
    try {
      return fs.readlinkSync(NODEFS.realPath(node));
    } catch (error) {
      throw translated(M, error);
    }
  };
  FS.readlink = (path) => {
    const { node } = FS.lookupPath(path);
    if (!node?.node_ops.readlink) throw new FS.ErrnoError(M.ERRNO_CODES.EINVAL);
    return node.node_ops.readlink(node);
  };
  if (job.readonly) refuseWrites(M);
  for (const [folder, root] of job.mounts) {
    FS.mkdirTree(folder);
    FS.mount(FS.filesystems.NODEFS, { root }, folder);
  }
  for (const [path, target] of job.links) if (!FS.analyzePath(path).exists) FS.symlink(target, path);
  for (const folder of job.hidden) {
    FS.mkdirTree(folder);
    FS.mount(FS.filesystems.MEMFS, {}, folder);
  }
  if (job.scratch) FS.mkdirTree(job.scratch);
  const major = FS.createDevice.major++;
  const names = ["stdin", "stdout", "stderr"];
  names.forEach((name, fd) => {
    const id = FS.makedev(major, fd);
    FS.registerDevice(id, stream(M, fd));
    FS.closeStream(fd);
    FS.unlink("/dev/" + name);
    FS.mkdev("/dev/" + name, id);
  });
  names.forEach((name, fd) => FS.open("/dev/" + name, fd ? 1 : 0));
  // Where a program asks for further runtimes (internal/python/children.go); a browser's has none.
  if (!globalThis.pythonWasmFs) {
    const children = FS.makedev(major, 5);
    FS.registerDevice(children, stream(M, 5));
    FS.mkdev("/dev/children", children);
  }
  // What python-wasm brings for Python (bootstrap.py finds it).
  FS.mkdirTree("/lib/python-wasm");
  FS.mount(FS.filesystems.NODEFS, { root: fileURLToPath(new URL("site", import.meta.url)) }, "/lib/python-wasm");
  // And where it keeps what the library's modules compile to.
  if (job.code) {
    FS.mkdirTree("/lib/python-wasm-code");
    FS.mount(FS.filesystems.NODEFS, { root: job.code }, "/lib/python-wasm-code");
  }
  FS.chdir(job.cwd);
}

function refuseWrites(M) {
  const { node_ops, stream_ops } = M.FS.filesystems.NODEFS;
  const refuse = () => {
    throw new M.FS.ErrnoError(M.ERRNO_CODES.EROFS);
  };
  for (const name of ["setattr", "mknod", "rename", "unlink", "rmdir", "symlink"]) node_ops[name] = refuse;
  const { open } = stream_ops;
  stream_ops.open = (stream) => (stream.flags & 3 ? refuse() : open(stream)); // O_WRONLY, O_RDWR
}

// What node's errors are called in Python.
function translated(M, error) {
  return new M.FS.ErrnoError(M.ERRNO_CODES[error.code] ?? M.ERRNO_CODES.EIO);
}

function stream(M, fd) {
  const terminal = tty.isatty(fd) ? new Terminal(fd) : undefined;
  let input;
  const attempt = (work) => {
    for (let pause = 1; ; pause = Math.min(2 * pause, 20)) {
      try {
        return work();
      } catch (error) {
        if (error.code === "EOF") return 0;
        if (error.code !== "EAGAIN") throw translated(M, error);
        // Somebody else may have made the other end so that it does not wait. A signal ends the waiting.
        if (signals.wait(pause)) throw new M.FS.ErrnoError(M.ERRNO_CODES.EINTR);
      }
    }
  };
  return {
    open(stream) {
      stream.tty = terminal && { ops: terminal };
      stream.seekable = false;
    },
    close() {},
    fsync() {},
    read(stream, buffer, offset, length) {
      const n = attempt(() => fs.readSync((input ??= patient(fd)), buffer, offset, length));
      terminal?.translate(buffer, offset, n);
      return n;
    },
    write(stream, buffer, offset, length) {
      for (let done = 0; done < length; ) done += attempt(() => fs.writeSync(fd, buffer, offset + done, length - done));
      return length;
    },
  };
}

// A signal can end a read only where node does not wait itself: so what may keep it waiting is opened once more, if that can be done.
function patient(fd) {
  const { O_RDONLY, O_NONBLOCK, O_NOCTTY } = fs.constants;
  try {
    if (tty.isatty(fd) || fs.fstatSync(fd).isFIFO()) return fs.openSync("/dev/fd/" + fd, O_RDONLY | O_NONBLOCK | O_NOCTTY);
  } catch {
    // as it is, then
  }
  return fd;
}

const ICANON = 2, ICRNL = 0o400;

// Terminal does for C's termios what node has of it: line by line, or raw.
class Terminal {
  #fd;
  #node;
  #raw = false;
  #settings = {
    c_iflag: 0o42400, c_oflag: 5, c_cflag: 191, c_lflag: 35387,
    c_cc: [3, 28, 127, 21, 4, 0, 1, 0, 17, 19, 26, 0, 18, 15, 23, 22, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
  };
  constructor(fd) {
    this.#fd = fd;
  }
  // What is read raw is raw in all, for node; Python may still want lines to end as ever.
  translate(buffer, offset, n) {
    if (!this.#raw || !(this.#settings.c_iflag & ICRNL)) return;
    for (let i = offset; i < offset + n; i++) if (buffer[i] === 13) buffer[i] = 10;
  }
  #stream() {
    return (this.#node ??= new tty.ReadStream(this.#fd));
  }
  ioctl_tcgets() {
    return this.#settings;
  }
  ioctl_tcsets(_, when, settings) {
    this.#settings = settings;
    const raw = !(settings.c_lflag & ICANON);
    if (raw !== this.#raw) {
      this.#stream().setRawMode(raw);
      this.#stream().pause();
      this.#raw = raw;
    }
    return 0;
  }
  ioctl_tiocgwinsz() {
    try {
      const [columns, rows] = new tty.WriteStream(this.#fd).getWindowSize();
      return [rows, columns];
    } catch {
      return [24, 80];
    }
  }
}
