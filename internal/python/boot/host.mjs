// Starts Python as a command: node host.mjs. The command that it runs comes on file descriptor 3 as one line of JSON
// (internal/python/process.go); afterwards that descriptor carries one byte for each signal.
import fs from "node:fs";
import { isatty } from "node:tty";
import { fileURLToPath, pathToFileURL } from "node:url";

const bytes = (text) => Buffer.from(text, "base64");

// The line ends with the first newline; nothing of what follows is read here.
function readJob() {
  const parts = [], one = Buffer.alloc(1 << 16);
  for (;;) {
    const n = fs.readSync(3, one, 0, one.length);
    if (n === 0) throw new Error("file descriptor 3 ended too early");
    parts.push(Buffer.from(one.subarray(0, n)));
    if (one[n - 1] === 10) return JSON.parse(Buffer.concat(parts).toString());
  }
}
const job = readJob();
const here = (name) => fs.readFileSync(fileURLToPath(new URL(name, import.meta.url)), "utf8");

const module = [job.runtime + "/pyodide.asm.mjs", job.runtime + "/pyodide.asm.js"].find(fs.existsSync);
const { loadPyodide } = await import(pathToFileURL(job.runtime + "/pyodide.mjs"));

function mount(FS) {
  for (const [folder, root] of job.mounts) {
    FS.mkdirTree(folder);
    FS.mount(FS.filesystems.NODEFS, { root }, folder);
  }
  FS.chdir(job.cwd);
}

const settings = {
  args: ["-S"],
  env: { HOME: "/", PYTHONINSPECT: "" },
  _sysExecutable: job.executable,
  lockFileContents: JSON.stringify({ info: JSON.parse(fs.readFileSync(job.runtime + "/pyodide-lock.json", "utf8")).info, packages: {} }),
  packageBaseUrl: job.runtime + "/",
};

const py = await loadPyodide(settings);
const M = py._module;

// Standard streams are the process's own.
function device(fd) {
  const sleep = new Int32Array(new SharedArrayBuffer(4));
  const call = (work) => {
    for (;;) {
      try {
        return work();
      } catch (error) {
        if (error.code === "EAGAIN") Atomics.wait(sleep, 0, 0, 5);
        else if (error.code === "EOF") return 0;
        else throw new M.FS.ErrnoError(M.ERRNO_CODES[error.code] ?? M.ERRNO_CODES.EIO);
      }
    }
  };
  const tty = isatty(fd) ? { ops: {} } : undefined;
  return {
    open(stream) {
      stream.tty = tty;
      stream.seekable = false;
    },
    close() {},
    fsync() {},
    read: (stream, buffer, offset, length) => call(() => fs.readSync(fd, buffer, offset, length)),
    write(stream, buffer, offset, length) {
      for (let done = 0; done < length; ) done += call(() => fs.writeSync(fd, buffer, offset + done, length - done));
      return length;
    },
  };
}

function streams() {
  const major = M.FS.createDevice.major++;
  ["stdin", "stdout", "stderr"].forEach((name, fd) => {
    const id = M.FS.makedev(major, fd);
    M.FS.registerDevice(id, device(fd));
    M.FS.closeStream(fd);
    M.FS.unlink("/dev/" + name);
    M.FS.mkdev("/dev/" + name, id);
  });
  ["stdin", "stdout", "stderr"].forEach((name, fd) => M.FS.open("/dev/" + name, fd ? 1 : 0));
}

const allocated = (data) => {
  const at = M._PyMem_RawMalloc(data.length + 1);
  M.HEAPU8.set(data, at);
  M.HEAPU8[at + data.length] = 0;
  return at;
};
const text = (s) => allocated(Buffer.from(s));
const setSys = (name, object) => M._PySys_SetObject(text(name), object);

function check(status) {
  // PyStatus: type (0 ok, 1 error, 2 exit), func, message, exit code.
  const [type] = M.HEAP32.subarray(status >> 2);
  if (type !== 0) M._Py_ExitStatusException(status);
}

async function run() {
  mount(M.FS);
  streams();
  py.runPython(here("bootstrap.py"), { globals: (globalThis.scope = py.runPython("{}")) });
  const scope = globalThis.scope;
  const block = bytes(job.env);
  setSys("_wasmill", M._PyBytes_FromStringAndSize(allocated(block), block.length));
  py.runPython("import sys; environment(sys._wasmill)", { globals: scope });
  const argv = job.argv.map((a) => allocated(bytes(a)));
  const list = M._PyMem_RawMalloc(4 * argv.length);
  argv.forEach((at, i) => (M.HEAPU32[(list >> 2) + i] = at));
  const config = M._PyMem_RawMalloc(4096), status = M._PyMem_RawMalloc(16);
  M.HEAPU8.fill(0, config, config + 4096);
  M._PyConfig_InitPythonConfig(config);
  M._PyConfig_SetBytesArgv(status, config, argv.length, list);
  check(status);
  M._PyConfig_Read(status, config);
  check(status);
  const live = M.__Py_GetConfig();
  setSys("_wasmill", M.__PyConfig_AsDict(config));
  setSys("_wasmill_live", M.__PyConfig_AsDict(live));
  scope.set("job", py.toPy({ executable: job.executable, real: job.real, prefix: job.prefix }));
  py.runPython("sys._wasmill = configure(sys._wasmill, sys._wasmill_live, job['executable'], job['real'], job['prefix'])", { globals: scope });
  if (M.__PyConfig_FromDict(live, M._PySys_GetObject(text("_wasmill"))) < 0) M._PyErr_Print(), process.exit(70);
  const names = py.runPython("[f for f in dir(sys.flags)]", { globals: scope });
  names.destroy();
  const flags = py.runPython("import re; fl = flags(sys._wasmill); names = re.findall(r'(\\w+)=', repr(sys.flags)); [(i, int(fl[n]), isinstance(fl[n], bool)) for i, n in enumerate(names) if n in fl]", { globals: scope }).toJs();
  const object = M._PySys_GetObject(text("flags"));
  for (const [i, value, bool] of flags) M._PyStructSequence_SetItem(object, i, bool ? M._PyBool_FromLong(value) : M._PyLong_FromLong(value));
  py.runPython("apply(sys._wasmill); del sys._wasmill, sys._wasmill_live; site()", { globals: scope });
  return M.jspiSupported ? await M.promisingRunMain() : M._run_main();
}

try {
  process.exit(await run());
} catch (error) {
  if (error?.constructor?.name === "ExitStatus") process.exit(error.status);
  fs.writeSync(2, String(error?.stack ?? error).slice(0, 4000) + "\n");
  process.exit(70);
}
