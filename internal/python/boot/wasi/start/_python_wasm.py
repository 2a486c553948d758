"""What makes python.wasm a command on this machine. WASI has no current folder, and tells a program neither where it lies nor which process
it is: internal/python/wasi.go says so in variables, which are gone before the program begins.

It begins while CPython starts, at the end of the module encodings, when sys is as the command line says and nothing of the program's was
looked at.
"""

import posix
import sys

from _python_wasm_common import After, MANUAL, Missing, Own, no_subprocesses, waiting_loop

_ours = {}
for _name in [name for name in posix.environ if name.startswith(b"_PYTHON_WASM_")]:
    _ours[_name[13:].decode()] = posix.environ.pop(_name)
    posix.unsetenv(_name)


def _text(name):
    return _ours[name].decode(sys.getfilesystemencoding(), "surrogateescape")


# Where the interpreter found its library, and may have packages that are linked in.
_home = sys.prefix


def begin():
    sys.path[:] = [path for path in sys.path if path != "/lib/python-wasm/start"]
    _restore(b"PYTHONPATH", "PATH")
    _restore(b"PYTHONHOME", "HOME")
    posix.chdir(_ours["CWD"])
    orig = [sys.argv[0] if "ARGV0" not in _ours else _text("ARGV0"), *sys.argv[1:]]
    sys.orig_argv = [_text("PROGRAM"), *(_text("ARGV0") if "ARGV0" in _ours and word == sys.argv[0] else word for word in sys.orig_argv[1:])]
    sys.argv = orig
    sys.prefix = sys.exec_prefix = sys.base_prefix = sys.base_exec_prefix = _text("PREFIX")
    sys._base_executable = _text("BASE")
    sys.executable = _text("EXECUTABLE")
    if "VENV" not in _ours and not sys.flags.no_site:
        # site looks for a virtual environment around sys.executable. That of another Python may be around python-wasm itself, where
        # pip has put it.
        sys.executable = "/lib/python-wasm/bin/python"
    pid = int(_ours["PID"])
    posix.getpid = lambda: pid
    # Files have no modes here. Who sets one on the way to something else is not to fail of it.
    mask = [0o022]
    posix.umask = lambda new, /: (mask[0], mask.__setitem__(0, new))[0]
    for name in ("chmod", "fchmod", "lchmod"):
        setattr(posix, name, lambda *args, **options: None)
    _no_threads()
    sys.meta_path.append(Missing(_MISSING))
    sys.meta_path[:0] = After(_CHANGES), Own("/lib/python-wasm/site", "pytest_python_wasm_wasi", "termios")


def _restore(name, ours):
    posix.environ.pop(name, None)
    if ours in _ours:
        posix.environ[name] = _ours[ours]
        posix.putenv(name, _ours[ours])
    else:
        posix.unsetenv(name)


def _site(module):
    sys.executable = _text("EXECUTABLE")
    linked = f"{_home}/lib/python{sys.version_info[0]}.{sys.version_info[1]}/site-packages"
    if linked not in sys.path and module.os.path.isdir(linked):
        module.addsitedir(linked)


def _no_threads():
    import _thread

    def refuse(*args, **kwargs):
        raise RuntimeError(f"can't start new thread: WebAssembly has no threads here ({MANUAL}threads)")

    for name in ("start_new_thread", "start_new", "start_joinable_thread"):
        setattr(_thread, name, refuse)


def _subprocess(module):
    """Processes, which WASI has not either."""
    import functools

    @functools.wraps(module.Popen.__init__)
    def init(self, args, *more, **options):
        self.args = args
        raise _no_process(args)

    module.Popen.__init__ = init
    module.Popen._child_created = False


def _no_process(args):
    import errno
    import os

    words = os.fsdecode(args) if isinstance(args, (str, bytes)) else " ".join(map(os.fsdecode, args))
    return OSError(errno.ENOTSUP, f"starting {words}: WebAssembly has no processes ({MANUAL}processes)")


def _sysconfig(module):
    """uv knows no WASI. It hears of a platform that it knows, in a version that no wheel is for, so that it takes those for any."""
    if "UV" in _ours:
        module.get_platform = lambda: "emscripten-0-wasm32"
        variable = module.get_config_var
        module.get_config_var = lambda name: "0_0" if name == "PYODIDE_ABI_VERSION" else variable(name)


def _asyncio(module):
    import time

    waiting_loop(time.sleep)
    no_subprocesses(_no_process)


_CHANGES = {"site": _site, "subprocess": _subprocess, "sysconfig": _sysconfig, "asyncio": _asyncio}

_MISSING = {
    "_ctypes": ("wasi", "WASI can't load modules of machine code"),
    "_socket": ("sockets", "WebAssembly has no sockets here"),
    "_multiprocessing": ("processes", "WebAssembly has no processes"),
    "_posixshmem": ("processes", "WebAssembly has no processes"),
    "_curses": ("curses", "there is no curses for WebAssembly"),
    "_tkinter": ("curses", "there is no Tk for WebAssembly"),
    "tkinter": ("curses", "there is no Tk for WebAssembly"),
    "readline": ("terminal", "there is no readline for WebAssembly"),
    "venv": ("wasi", "the command does this itself: python-wasm --runtime wasi -m venv"),
    "ensurepip": ("wasi", "the command does this itself: python-wasm --runtime wasi -m pip"),
    "pip": ("wasi", "the command does this itself: python-wasm --runtime wasi -m pip"),
} | {name: ("wasi", "Python for WASI is built without it") for name in ("_ssl", "_sqlite3", "_lzma", "_bz2", "_uuid", "_dbm", "_gdbm")}


if "CWD" in _ours:
    begin()
