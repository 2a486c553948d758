"""Lines between this runtime and others: a program's own, and those it had started (internal/python/children.go)."""

import base64
import json
import os
import sys

import pytest


def _plain(value):
    if isinstance(value, bytes):
        return {"bytes in base64": base64.b64encode(value).decode()}
    if isinstance(value, (set, frozenset)):
        return list(value)
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    return repr(value)


def _object(found):
    return base64.b64decode(found["bytes in base64"]) if found.keys() == {"bytes in base64"} else found


def dumps(value):
    return json.dumps(value, default=_plain, separators=(",", ":")).encode()


def loads(line):
    return json.loads(line, object_hook=_object)


class Channel:
    def __init__(self):
        try:
            self._device = open("/dev/children", "r+b", buffering=0)
        except OSError as error:
            raise pytest.UsageError("-n: a program in Chromium can't start other runtimes; python-wasm --runtime node has it") from error
        self._rest, self._lines = b"", []
        self._events = []

    @classmethod
    def of(cls, config):
        """The one of a configuration: there is one device."""
        if not hasattr(config, "_python_wasm_channel"):
            config._python_wasm_channel = cls()
        return config._python_wasm_channel

    def write(self, line):
        rest = memoryview(line + b"\n")
        while rest:
            rest = rest[self._device.write(rest) :]

    def read(self):
        """The next line; None where there will be none."""
        while not self._lines:
            part = self._device.read(1 << 16)
            if not part:
                return None
            *lines, self._rest = (self._rest + part).split(b"\n")
            self._lines += lines
        return self._lines.pop(0)

    def processors(self):
        self.write(b"cpus")
        while True:
            line = self.read()
            if line is None:
                return 1
            if line.startswith(b"cpus "):
                return int(line[5:])
            self._events.append(line)

    def start(self, name, code):
        import subprocess

        base = lambda words: base64.b64encode(words).decode()
        argv = [sys.executable, *subprocess._args_from_interpreter_flags(), "-c", code]
        environment = b"\0".join(key + b"=" + value for key, value in os.environb.items())
        job = {"argv": [base(os.fsencode(word)) for word in argv], "env": base(environment), "cwd": os.getcwd()}
        self.write(f"start {name} ".encode() + dumps(job))

    def send(self, name, value):
        self.write(f"send {name} ".encode() + dumps(value))

    def kill(self, name):
        self.write(f"kill {name}".encode())

    def event(self):
        """What happened next: ("said", name, what) or ("ended", name, how)."""
        while True:
            line = self._events.pop(0) if self._events else self.read()
            if line is None:
                raise EOFError("what starts runtimes is gone")
            verb, _, rest = line.partition(b" ")
            name, _, text = rest.partition(b" ")
            if verb == b"said":
                return "said", name.decode(), loads(text)
            if verb == b"ended":
                return "ended", name.decode(), text.decode(errors="replace")
