"""What a Python without threads, processes and sockets says and does on either platform, Emscripten and WASI."""

import sys

MANUAL = "docs/python-wasm.md#"


def waiting_loop(wait):
    """Gives asyncio an event loop that has nothing but time to wait for: wait is called with seconds."""
    import asyncio
    from asyncio import base_events, events

    class Waiting:
        def select(self, timeout):
            if timeout is None or timeout > 0:
                wait(1000 if timeout is None else min(timeout, 1000))
            return ()

    class EventLoop(base_events.BaseEventLoop):
        def __init__(self):
            super().__init__()
            self._selector = Waiting()

        def _process_events(self, events):
            pass

        def _write_to_self(self):
            pass

        def run_in_executor(self, executor, function, *args):
            raise RuntimeError(f"can't run in an executor: WebAssembly has no threads here ({MANUAL}threads)")

    base = getattr(events, "_BaseDefaultEventLoopPolicy", None) or events.BaseDefaultEventLoopPolicy

    class Policy(base):
        _loop_factory = EventLoop

    events._event_loop_policy = Policy()
    asyncio.EventLoop = asyncio.SelectorEventLoop = EventLoop


def no_subprocesses(error):
    """Has asyncio refuse in words what it would refuse without: error makes an exception of what was to be started."""
    import asyncio.subprocess

    async def exec(program, *args, **options):
        raise error(program)

    asyncio.create_subprocess_exec = asyncio.subprocess.create_subprocess_exec = exec
    asyncio.create_subprocess_shell = asyncio.subprocess.create_subprocess_shell = exec


class Own:
    """Finds what python-wasm brings, as a plugin of pytest. It is on no sys.path, and in no list of what is installed in a folder."""

    def __init__(self, folder, *names):
        self.folder, self.names = folder, names

    def find_spec(self, name, path=None, target=None):
        if name in self.names:
            from importlib.machinery import PathFinder

            return PathFinder.find_spec(name, [self.folder])
        return None

    def find_distributions(self, context):
        # Who names folders wants what is in those.
        if "path" in vars(context):
            return iter(())
        from importlib.metadata import DistributionFinder, MetadataPathFinder

        return MetadataPathFinder.find_distributions(DistributionFinder.Context(name=context.name, path=[self.folder]))


class After:
    """Changes modules once they are imported: {name: what changes it}."""

    def __init__(self, changes):
        self.changes = changes

    def find_spec(self, name, path=None, target=None):
        if name not in self.changes:
            return None
        for finder in sys.meta_path:
            if finder is not self and (spec := finder.find_spec(name, path, target)):
                spec.loader = _Changing(spec.loader, self.changes[name])
                return spec


class _Changing:
    def __init__(self, loader, change):
        self._loader, self._change = loader, change

    def create_module(self, spec):
        return self._loader.create_module(spec)

    def exec_module(self, module):
        module.__loader__ = module.__spec__.loader = self._loader
        self._loader.exec_module(module)
        self._change(module)


class Missing:
    """The last of the finders, which says why nobody has found a module: {name: (section of the manual, words)}."""

    def __init__(self, reasons):
        self.reasons = reasons

    def why(self, name):
        section, words = self.reasons[name]
        return f"No module named {name!r}: {words} ({MANUAL}{section})"

    def find_spec(self, name, path=None, target=None):
        if name in self.reasons:
            raise ModuleNotFoundError(self.why(name), name=name)
