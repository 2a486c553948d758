"""What a started interpreter becomes a command with: its configuration, its modules' paths, its standard streams.

The interpreter was initialised before the command line was known, perhaps in another process (a memory snapshot). So
CPython reads the command line anew (host.mjs), and what its initialisation would have made of it is made here.
"""

import io
import os
import sys


def environment(block):
    """Makes block (b"K=V\0K=V\0") the environment, of C's getenv too."""
    os.environ.clear()
    for entry in block.split(b"\0"):
        key, found, value = entry.partition(b"=")
        if key and found:
            os.environb[key] = value
    time = sys.modules.get("time")
    if time is not None and hasattr(time, "tzset"):
        time.tzset()


def _venv(executable):
    """The folder of the virtual environment that a python belongs to, with the settings of its pyvenv.cfg."""
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


def configure(config, live, executable, real, prefix):
    """Completes what CPython has read from the command line and the environment with what depends on the machine.

    live is the configuration that the interpreter was initialised with; what can't change later comes from it.
    """
    fixed = (
        "hash_seed", "use_hash_seed", "home", "filesystem_encoding", "filesystem_errors", "_config_init", "_install_importlib",
        "_init_main", "_is_python_build", "platlibdir", "stdlib_dir", "program_name", "configure_c_stdio", "dump_refs", "dump_refs_file",
    )
    for name in fixed:
        if name in live:
            config[name] = live[name]
    base = executable
    config["base_prefix"] = config["base_exec_prefix"] = prefix
    folder, settings = _venv(executable)
    if folder is not None:
        beside = os.path.join(settings.get("home", ""), os.path.basename(executable))
        if settings.get("home") and os.path.exists(beside):
            base = beside
        else:
            base = settings.get("executable") or real
    config["executable"], config["base_executable"] = executable, base
    config["prefix"] = config["exec_prefix"] = prefix if folder is None or sys.version_info < (3, 14) else folder
    zipped, library = f"/lib/python{sys.version_info[0]}{sys.version_info[1]}.zip", f"/lib/python{sys.version_info[0]}.{sys.version_info[1]}"
    paths = [zipped, library, library + "/lib-dynload"]
    if config.get("pythonpath_env"):
        paths = config["pythonpath_env"].split(":") + paths
    config["module_search_paths"], config["module_search_paths_set"] = type(config["argv"])(paths), True
    return config


_FLAGS = {
    "debug": "parser_debug",
    "inspect": "inspect",
    "interactive": "interactive",
    "optimize": "optimization_level",
    "dont_write_bytecode": ("write_bytecode",),
    "no_user_site": ("user_site_directory",),
    "no_site": ("site_import",),
    "ignore_environment": ("use_environment",),
    "verbose": "verbose",
    "bytes_warning": "bytes_warning",
    "quiet": "quiet",
    "isolated": "isolated",
    "dev_mode": "dev_mode",
    "warn_default_encoding": "warn_default_encoding",
    "safe_path": "safe_path",
    "int_max_str_digits": "int_max_str_digits",
}


def flags(config):
    """The fields of sys.flags that follow from the configuration: {name: value}."""
    result = {}
    for name, option in _FLAGS.items():
        if isinstance(option, tuple):
            value = not config[option[0]]
        else:
            value = config[option]
        result[name] = value if name in ("dev_mode", "safe_path") else int(value)
    return result


def apply(config):
    """Makes sys, warnings and site what CPython's initialisation would have made them."""
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
    import builtins

    builtins.__dict__["__debug__"] = config["optimization_level"] == 0
    sys.warnoptions[:] = config["warnoptions"]
    if sys.warnoptions:
        import warnings

        warnings._processoptions(sys.warnoptions)
    _streams(config)
    for name in ("site", "sysconfig"):
        sys.modules.pop(name, None)
    if "random" in sys.modules:
        sys.modules["random"].seed()
    tempfile = sys.modules.get("tempfile")
    if tempfile is not None:
        tempfile.tempdir = tempfile._name_sequence = None


def _streams(config):
    encoding, errors = config["stdio_encoding"], config["stdio_errors"]

    def stream(fd, name, mode, errors):
        unbuffered = mode == "wb" and not config["buffered_stdio"]
        raw = binary = open(fd, mode, -1 if not unbuffered else 0, closefd=False)
        raw = getattr(binary, "raw", binary)
        raw.name = name
        terminal = raw.isatty()
        through = not config["buffered_stdio"]
        text = io.TextIOWrapper(
            binary, encoding, errors, newline="\n", line_buffering=config["buffered_stdio"] and (terminal or fd == 2), write_through=through
        )
        text.mode = mode[0]
        return text

    sys.stdin = sys.__stdin__ = stream(0, "<stdin>", "rb", errors)
    sys.stdout = sys.__stdout__ = stream(1, "<stdout>", "wb", errors)
    sys.stderr = sys.__stderr__ = stream(2, "<stderr>", "wb", "backslashreplace")


def site():
    import site
