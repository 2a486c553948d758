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

    me, parent, user, group = host.pid, host.ppid, host.uid, host.gid
    _replace(os, "getpid", lambda: me, posix)
    _replace(os, "getppid", lambda: parent, posix)
    _replace(os, "getuid geteuid", lambda: user, posix)
    _replace(os, "getgid getegid", lambda: group, posix)

    def kill(pid, number, /):
        if pid == me:
            return _signal.raise_signal(number)
        if trouble := host.kill(pid, int(number)):
            raise OSError(getattr(errno, trouble, errno.EINVAL), os.strerror(getattr(errno, trouble, errno.EINVAL)))

    _replace(os, "kill", kill, posix)

