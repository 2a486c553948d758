"""What a started interpreter becomes a command with: its configuration, its modules' paths, its standard streams.

The interpreter was initialised before the command line was known, perhaps in another process (a memory snapshot). CPython reads
command line and environment anew (configure.mjs), and what its initialisation would have made of them is made here.
"""

import os
import re
import sys


def environment():
    """Makes sys._python_wasm (b"K=V\\0K=V") the environment, of C's getenv too."""
    os.environ.clear()
    for entry in sys._python_wasm.split(b"\0"):
        key, found, value = entry.partition(b"=")
        if key and found:
            os.environb[key] = value


def _venv(executable):
    """The virtual environment that a python belongs to, and the settings of its pyvenv.cfg."""
    folder = os.path.dirname(executable)
    for config in (os.path.join(folder, "pyvenv.cfg"), os.path.join(os.path.dirname(folder), "pyvenv.cfg")):
        try:
            with open(config, encoding="utf-8") as file:
                lines = file.read().splitlines()
        except OSError:
            continue
        settings = {}
        for line in lines:
            key, found, value = line.partition("=")
            if found:
                settings[key.strip().lower()] = value.strip()
        return os.path.dirname(folder), settings
    return None, {}


def _same(one, other):
    try:
        return os.path.samefile(one, other)
    except OSError:
        return False


# What was settled when the interpreter was initialised, and stays.
_SETTLED = (
    "hash_seed", "use_hash_seed", "home", "filesystem_encoding", "filesystem_errors", "_config_init", "_install_importlib", "_init_main",
    "_is_python_build", "platlibdir", "stdlib_dir", "configure_c_stdio", "dump_refs", "dump_refs_file", "import_time", "tracemalloc",
    "faulthandler", "malloc_stats",
)  # fmt: skip

_LIBRARY = "/lib/python%d.%d" % sys.version_info[:2]
_ZIP = "/lib/python%d%d.zip" % sys.version_info[:2]


def configure(job):
    """Completes sys._python_wasm, which CPython has read from the command line and the environment, with what depends on the
    machine, and returns the fields of sys.flags that follow: [(index, number, it is a bool)]."""
    config, live = sys._python_wasm, sys._python_wasm_live
    for name in _SETTLED:
        if name in live:
            config[name] = live[name]
    executable, prefix = job["executable"], job["prefix"]
    folder, settings = _venv(executable) if job["inVenv"] else (None, {})
    base = executable
    if folder is not None:
        # Beside a python-wasm that pip has installed there is a python of this machine, which is none to build with.
        named = os.path.join(settings.get("home", ""), os.path.basename(executable)), settings.get("executable", "")
        base = next((path for path in named if os.path.isabs(path) and _same(path, job["real"])), job["real"])
    config["executable"], config["base_executable"], config["program_name"] = executable, base, executable
    config["base_prefix"] = config["base_exec_prefix"] = prefix
    # Until 3.13 it is site that finds virtual environments.
    config["prefix"] = config["exec_prefix"] = prefix if folder is None or sys.version_info < (3, 14) else folder
    paths = [_ZIP, _LIBRARY, _LIBRARY + "/lib-dynload"]
    if config["use_environment"] and os.environ.get("PYTHONPATH"):
        paths = [os.path.abspath(path) for path in os.environ["PYTHONPATH"].split(":")] + paths
    config["module_search_paths"], config["module_search_paths_set"] = type(config["argv"])(paths), True
    names = re.findall(r"(\w+)=", repr(sys.flags))
    return [(names.index(name), int(value), isinstance(value, bool)) for name, value in _flags(config).items() if name in names]


def _flags(config):
    flags = {
        "debug": config["parser_debug"],
        "inspect": config["inspect"],
        "interactive": config["interactive"],
        "optimize": config["optimization_level"],
        "dont_write_bytecode": not config["write_bytecode"],
        "no_user_site": not config["user_site_directory"],
        "no_site": not config["site_import"],
        "ignore_environment": not config["use_environment"],
        "verbose": config["verbose"],
        "bytes_warning": config["bytes_warning"],
        "quiet": config["quiet"],
        "isolated": config["isolated"],
        "warn_default_encoding": config["warn_default_encoding"],
        "int_max_str_digits": config["int_max_str_digits"],
    }
    flags = {name: int(value) for name, value in flags.items()}
    return flags | {"dev_mode": bool(config["dev_mode"]), "safe_path": bool(config["safe_path"])}


def begin(host, in_venv):
    """Makes sys, warnings, the standard streams and site what CPython's initialisation would have made them."""
    import builtins

    config = sys._python_wasm
    del sys._python_wasm, sys._python_wasm_live
    sys.argv, sys.orig_argv = list(config["argv"]), list(config["orig_argv"])
    sys.executable, sys._base_executable = config["executable"], config["base_executable"]
    sys.prefix, sys.exec_prefix = config["prefix"], config["exec_prefix"]
    sys.base_prefix, sys.base_exec_prefix = config["base_prefix"], config["base_exec_prefix"]
    sys.dont_write_bytecode = not config["write_bytecode"]
    sys.pycache_prefix = config["pycache_prefix"]
    sys.path[:] = config["module_search_paths"]
    sys.path_importer_cache.clear()
    sys._xoptions.clear()
    sys._xoptions.update(config["xoptions"])
    sys.set_int_max_str_digits(config["int_max_str_digits"])
    sys.excepthook = sys.__excepthook__
    builtins.__dict__["__debug__"] = config["optimization_level"] == 0
    sys.modules["__main__"].__dict__.pop("_pyodide_core", None)
    _streams(config)
    _forget()
    sys.warnoptions[:] = config["warnoptions"]
    if sys.warnoptions:
        import warnings

        warnings._processoptions(sys.warnoptions)
    machine(host)
    _keep_code()
    sys.meta_path[:0] = After({"sysconfig": _sysconfig}), Own("/lib/python-wasm", "pytest_python_wasm")
    _end()
    if config["site_import"]:
        _site(config["executable"] if in_venv else _LIBRARY + "/python")


def _sysconfig(module):
    """The library is where the runtime has it, and not below the prefix: coverage leaves out what lies in this folder."""
    for scheme in module._INSTALL_SCHEMES.values():
        scheme["stdlib"] = os.path.dirname(os.__file__)


def _end():
    """Where memory is given back at the end, the runtime's collector may trap (an import of sqlalchemy is enough, without us too), when all
    that the program had to do is done. What it would look for goes with the process."""
    import atexit
    import gc

    atexit.register(gc.freeze)  # the first that is registered runs last


_CODE = "/lib/python-wasm-code"  # a folder of the cache, if there is one that can be written


def _keep_code():
    """What the library's modules compile to is kept from one start to the next: the runtime has their sources alone, in an archive, and
    Python keeps nothing of what it finds there."""
    import _imp
    import marshal
    import zipimport

    compile_source = zipimport._compile_source
    size, key = 8, 0x315  # of a hash

    def compiled(path, source, *module):  # which it is, since 3.15
        if not path.startswith(_ZIP):
            return compile_source(path, source, *module)
        file = f"{_CODE}/{path[len(_ZIP) + 1 :].replace('/', '.')}.{sys.flags.optimize}"
        mark = _imp.source_hash(key, source)
        try:
            with open(file, "rb") as kept:
                data = kept.read()
            code = data[2 * size :]
            if data[:size] == mark and data[size : 2 * size] == _imp.source_hash(key, code):
                return marshal.loads(code)
        except OSError:
            pass
        code = compile_source(path, source, *module)
        data = marshal.dumps(code)
        aside = f"{file}.{os.getpid()}"
        try:
            with open(aside, "xb") as kept:
                kept.write(mark + _imp.source_hash(key, data) + data)
            os.replace(aside, file)
        except OSError:  # it is to be had without
            try:
                os.unlink(aside)
            except OSError:
                pass
        return code

    zipimport._compile_source = compiled


def _site(executable):
    # site looks for a virtual environment around sys.executable. That of another Python may be around python-wasm itself, where
    # pip has put it.
    executable, sys.executable = sys.executable, executable
    # site puts all modules into a set, which those of JavaScript can't be in.
    aside = {name: module for name, module in sys.modules.items() if type(module).__hash__ is None or type(module).__name__ == "JsProxy"}
    for name in aside:
        del sys.modules[name]
    try:
        import site  # noqa: F401
    except BaseException:
        import traceback

        # As in CPython: without its paths there is no use in going on.
        print("Fatal Python error: init_import_site: Failed to import the site module", file=sys.stderr)
        traceback.print_exc()
        sys.stderr.flush()
        raise
    finally:
        sys.executable = executable
    sys.modules.update(aside)


def _streams(config):
    import io

    buffered, encoding, errors = config["buffered_stdio"], config["stdio_encoding"], config["stdio_errors"]

    def stream(fd, name, mode, errors):
        binary = open(fd, mode, -1 if buffered or mode == "rb" else 0, closefd=False)
        raw = getattr(binary, "raw", binary)
        raw.name = name
        lines = buffered and (raw.isatty() or fd == 2)
        text = io.TextIOWrapper(binary, encoding, errors, newline=None if mode == "rb" else "\n", line_buffering=lines, write_through=not buffered)
        text.mode = mode[0]
        return text

    sys.stdin = sys.__stdin__ = stream(0, "<stdin>", "rb", errors)
    sys.stdout = sys.__stdout__ = stream(1, "<stdout>", "wb", errors)
    sys.stderr = sys.__stderr__ = stream(2, "<stderr>", "wb", "backslashreplace")


def _forget():
    """What modules of the interpreter know from where it was initialised, or must not share with others of the same snapshot."""
    for name in ("site", "sysconfig", "_sysconfig"):
        sys.modules.pop(name, None)
    modules = sys.modules.get
    if time := modules("time"):
        _timezone(time)
    if random := modules("random"):
        random.seed()
    if tempfile := modules("tempfile"):
        tempfile.tempdir = tempfile._name_sequence = None


def _timezone(time):
    # As CPython's init_timezone, where there is no tzset.
    year = 365.25 * 24 * 3600
    start = int(time.time() / year) * year
    january, july = time.localtime(start), time.localtime(start + year / 2)
    winter, summer = sorted((january, july), key=lambda t: t.tm_gmtoff)
    time.timezone, time.altzone = -winter.tm_gmtoff, -summer.tm_gmtoff
    time.daylight = int(time.timezone != time.altzone)
    time.tzname = (winter.tm_zone, summer.tm_zone)


def interrupted():
    """Whether the program ended by a KeyboardInterrupt."""
    return isinstance(getattr(sys, "last_exc", None), KeyboardInterrupt)
