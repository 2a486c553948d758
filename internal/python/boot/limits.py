"""What the machine gives to Python instead of what WebAssembly has not, and words where there is nothing to give."""

import errno
import os
import sys
import time


class _Builtin:
    """In the place of a function written in C: unlike one in Python it does not become a method."""

    def __init__(self, module, name, function):
        self.__module__, self.__name__, self.__qualname__, self._function = module, name, name, function
        self.__doc__ = getattr(getattr(sys.modules.get(module), name, None), "__doc__", None)

    def __call__(self, /, *args, **kwargs):
        return self._function(*args, **kwargs)

    def __repr__(self):
        return f"<built-in function {self.__name__}>"

    def __reduce__(self):
        return self.__name__


def _replace(module, names, function, *elsewhere):
    for name in names.split():
        if hasattr(module, name):
            builtin = _Builtin(module.__name__, name, function)
            for place in (module, *elsewhere):
                if hasattr(place, name):
                    setattr(place, name, builtin)


_DEADLY = (1, 2, 3, 6, 9, 10, 12, 13, 14, 15)  # what ends a program that has said nothing else


def machine(host):
    """Gives what only the machine can: host is signals.mjs's."""
    import _signal
    import posix
    import signal

    def sleep(seconds, /):
        if not isinstance(seconds, (int, float)) or not 0.001 < seconds < 1e9:
            return nap(seconds)  # which complains as it should, or returns at once
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            host.wait(left * 1000)

    nap = time.sleep
    _replace(time, "sleep", sleep)

    def set_handler(number, handler, /):
        before = register(number, handler)
        host.disposition(int(number), int(handler) if handler in (signal.SIG_DFL, signal.SIG_IGN) else 2)
        return before

    register = _signal.signal
    _replace(_signal, "signal", set_handler)

    _timer(host)

    me, parent, user, group = host.pid, host.ppid, host.uid, host.gid
    _replace(os, "getpid", lambda: me, posix)
    _replace(os, "getppid", lambda: parent, posix)
    _replace(os, "getuid geteuid", lambda: user, posix)
    _replace(os, "getgid getegid", lambda: group, posix)

    def raise_signal(number, /):
        if number in _DEADLY and _signal.getsignal(number) == _signal.SIG_DFL:
            host.die(int(number))
        return raise_it(number)

    raise_it = _signal.raise_signal
    _replace(_signal, "raise_signal", raise_signal, signal)

    def kill(pid, number, /):
        if pid == me:
            return raise_signal(number)
        if trouble := host.kill(pid, int(number)):
            raise OSError(getattr(errno, trouble, errno.EINVAL), os.strerror(getattr(errno, trouble, errno.EINVAL)))

    _replace(os, "kill", kill, posix)
    if not host.sockets:
        _no_sockets()
    if host.promises:
        _shared_loop()
    else:
        _blocking_loop(host)


def _timer(host):
    """Lets the machine send SIGALRM: WebAssembly has no timers."""
    import _signal
    import math
    import signal

    end, every = 0.0, 0.0  # of time.monotonic

    def getitimer(which, /):
        if which != 0:  # ITIMER_REAL
            raise signal.ItimerError(errno.EINVAL, "only ITIMER_REAL is there in WebAssembly")
        now = time.monotonic()
        if end <= now and every:
            return every - (now - end) % every, every
        return (end - now, every) if end > now else (0.0, 0.0)

    def setitimer(which, seconds, interval=0.0, /):
        nonlocal end, every
        before = getitimer(which)
        if seconds < 0 or interval < 0:
            raise signal.ItimerError(errno.EINVAL, "Invalid argument")
        end, every = (time.monotonic() + seconds, interval) if seconds else (0.0, 0.0)
        host.timer(*(math.ceil(1000 * length) for length in (seconds, interval)))
        return before

    def alarm(seconds, /):
        return math.ceil(setitimer(0, int(seconds))[0])

    for function in (getitimer, setitimer, alarm):
        builtin = _Builtin("signal", function.__name__, function)
        for module in (_signal, signal):
            setattr(module, function.__name__, builtin)


def _refuse(module, names, error, *elsewhere):
    for name in names.split():

        def refuse(*args, _name=name, **kwargs):
            raise error(_name)

        _replace(module, name, refuse, *elsewhere)


def _no_threads():
    import _thread
    import threading

    def error(name):
        return RuntimeError(f"can't start new thread: WebAssembly has no threads here ({MANUAL}threads)")

    _refuse(_thread, "start_new_thread start_new start_joinable_thread", error)
    for name, source in (("_start_new_thread", "start_new_thread"), ("_start_joinable_thread", "start_joinable_thread")):
        if hasattr(threading, name):
            setattr(threading, name, getattr(_thread, source))


def _no_processes():
    import functools
    import posix
    import subprocess

    def error(name):
        return OSError(errno.ENOTSUP, f"{name}: WebAssembly has no processes ({MANUAL}processes)")

    names = [n for n in dir(posix) if n.startswith(("exec", "fork", "posix_spawn", "spawn")) or n in ("system", "wait", "waitpid", "wait3", "wait4", "waitid")]
    _refuse(posix, " ".join(names), error, os)
    # What os makes of them in Python would fail later, or not at all.
    _refuse(os, "popen " + " ".join(n for n in dir(os) if n.startswith("spawn") and callable(getattr(os, n))), error)

    @functools.wraps(subprocess.Popen.__init__)
    def init(self, args, *more, **options):
        self.args, self.returncode = args, None
        raise error(f"starting {args if isinstance(args, str) else ' '.join(map(os.fsdecode, args))}")

    no_subprocesses(lambda program: error(f"starting {os.fsdecode(program)}"))
    # A Popen that never began has nothing to wait for.
    subprocess.Popen.__init__ = init
    subprocess.Popen._child_created = False


def _no_sockets():
    import socket

    words = f"WebAssembly has no sockets here ({MANUAL}sockets)"

    def method(name):
        def refuse(self, *args, **kwargs):
            raise OSError(errno.ENETUNREACH, f"{name}: {words}")

        refuse.__name__ = name
        return refuse

    for name in ("connect", "bind", "listen", "accept", "sendto"):
        setattr(socket.socket, name, method(name))
    socket.socket.connect_ex = lambda self, address: errno.ENETUNREACH

    def unresolved(name):
        return socket.gaierror(socket.EAI_FAIL, f"{name}: {words}")

    import _socket

    _refuse(_socket, "getaddrinfo gethostbyname gethostbyname_ex gethostbyaddr getnameinfo", unresolved, socket)

    def pair(*args, **kwargs):
        raise OSError(errno.ENOSYS, f"socketpair: {words}")

    socket.socketpair = pair


def _shared_loop():
    """Makes asyncio.Runner, which frameworks for tests use, work where Python waits for JavaScript: there is one event loop, which always runs."""
    import asyncio
    import contextvars
    from asyncio import events, runners

    shared = events._get_running_loop()
    if shared is None or not hasattr(runners, "Runner"):
        return

    class Runner(runners.Runner):
        def __init__(self, *, debug=None, loop_factory=None):
            super().__init__(debug=debug, loop_factory=lambda: shared)

        def _lazy_init(self):
            if self._state is runners._State.CLOSED:
                raise RuntimeError("Runner is closed")
            if self._state is runners._State.CREATED:
                self._loop, self._context = shared, contextvars.copy_context()
                self._state = runners._State.INITIALIZED

        def close(self):
            if self._state is runners._State.INITIALIZED:
                for task in asyncio.all_tasks(shared):
                    task.cancel()
                self._loop, self._state = None, runners._State.CLOSED

        def run(self, coro, *, context=None):
            if asyncio.current_task(shared) is not None:
                raise RuntimeError("Runner.run() cannot be called from a running event loop")
            self._lazy_init()
            if not asyncio.iscoroutine(coro):
                raise TypeError("a coroutine is required")
            return shared.run_until_complete(shared.create_task(coro, context=context or self._context))

    Runner.__module__, Runner.__qualname__ = "asyncio.runners", "Runner"
    asyncio.Runner = runners.Runner = Runner


def _blocking_loop(host):
    """Makes asyncio work where Python can't wait for JavaScript: with an event loop of its own."""
    from asyncio import events

    events._set_running_loop(None)
    waiting_loop(lambda seconds: host.wait(seconds * 1000))


# Modules that are written in C for what is not there, and those that the runtime leaves out.
_MISSING = {
    "_multiprocessing": ("processes", "WebAssembly has no processes"),
    "_posixshmem": ("processes", "WebAssembly has no processes"),
    "_curses": ("curses", "there is no curses for WebAssembly"),
    "curses": ("curses", "there is no curses for WebAssembly"),
    "_tkinter": ("curses", "there is no Tk for WebAssembly"),
    "tkinter": ("curses", "there is no Tk for WebAssembly"),
    "venv": ("processes", "the command does this itself: python-wasm -m venv"),
    "ensurepip": ("processes", "the command does this itself: python-wasm -m pip"),
    "readline": ("terminal", "there is no readline for WebAssembly; Python's own line editor takes its place"),
}
if sys.version_info < (3, 14):
    for _name in ("ssl", "_ssl", "sqlite3", "_sqlite3", "lzma", "_lzma"):
        _MISSING[_name] = ("older", "the runtime of this ABI on npm comes without it")


def _say_in_tracebacks(missing):
    """From 3.15 on, a traceback takes its words for a missing module of the standard library from here, not from the exception."""
    try:
        from _missing_stdlib_info import _MISSING_STDLIB_MODULE_MESSAGES as messages
    except ImportError:
        return
    messages.update((name, missing.why(name)) for name in missing.reasons)


_no_threads()
_no_processes()
sys.meta_path.append(_missing := Missing(_MISSING))
_say_in_tracebacks(_missing)
