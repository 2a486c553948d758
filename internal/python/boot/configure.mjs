// Makes a started interpreter what the command line and the environment say, before CPython's own main function runs: CPython
// reads both itself, into a configuration that takes the place of the one that the interpreter was initialised with.
const bytes = (text) => Buffer.from(text, "base64");

export function configure(py, job, host) {
  const M = py._module;
  const allocated = (data) => {
    const at = M._PyMem_RawMalloc(data.length + 1);
    M.HEAPU8.set(data, at);
    M.HEAPU8[at + data.length] = 0;
    return at;
  };
  const named = (name) => allocated(Buffer.from(name));
  const give = (name, object) => M._PySys_SetObject(named(name), object);
  const ours = py.pyimport("_python_wasm");

  const block = bytes(job.env);
  give("_python_wasm", M._PyBytes_FromStringAndSize(allocated(block), block.length));
  ours.environment();
  M._tzset?.();
  // It asks JavaScript once, and the interpreter of a snapshot has done so elsewhere.
  if (M._tzname) M.__tzset_js?.(M._timezone, M._daylight, ...M.HEAPU32.subarray(M._tzname >> 2, (M._tzname >> 2) + 2));

  const size = 4096; // of a PyConfig and more: it has about 500 bytes
  const config = M._PyMem_RawMalloc(size), status = M._PyMem_RawMalloc(16);
  M.HEAPU8.fill(0, config, config + size);
  // A PyStatus begins with 0 where all is well; else it may be an exit, as after --version.
  const check = () => M.HEAP32[status >> 2] && M._Py_ExitStatusException(status);
  const argv = job.argv.map((word) => allocated(bytes(word)));
  const list = M._PyMem_RawMalloc(4 * argv.length);
  argv.forEach((at, i) => (M.HEAPU32[(list >> 2) + i] = at));
  M._PyConfig_InitPythonConfig(config);
  M._PyConfig_SetBytesArgv(status, config, argv.length, list);
  check();
  M._PyConfig_Read(status, config);
  check();

  const live = M.__Py_GetConfig();
  give("_python_wasm", M.__PyConfig_AsDict(config));
  give("_python_wasm_live", M.__PyConfig_AsDict(live));
  const flags = ours.configure(py.toPy({ executable: job.executable, real: job.real, prefix: job.prefix, inVenv: job.inVenv })).toJs();
  if (M.__PyConfig_FromDict(live, M._PySys_GetObject(named("_python_wasm"))) < 0) {
    M._PyErr_Print();
    throw new Error("the configuration of this Python is not what python-wasm knows");
  }
  // sys.flags can't be made anew; but nobody has seen it yet.
  const sysFlags = M._PySys_GetObject(named("flags"));
  for (const [i, value, bool] of flags) M._PyStructSequence_SetItem(sysFlags, i, bool ? M._PyBool_FromLong(value) : M._PyLong_FromLong(value));
  ours.begin(host, job.inVenv);
}
