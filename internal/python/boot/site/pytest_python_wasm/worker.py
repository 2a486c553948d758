"""What runs in a runtime that pytest -n started: a session of pytest's that is told which tests to run, and reports as lines."""

import os
import platform
import sys
import time

import pytest

from .channel import Channel


def main():
    channel = Channel()
    _, setup = _read(channel)
    workerinput, args = setup["workerinput"], setup["args"]
    sys.path[:] = setup["path"]
    os.environ["PYTEST_XDIST_TESTRUNUID"] = workerinput["testrunuid"]
    os.environ["PYTEST_XDIST_WORKER"] = workerinput["workerid"]
    os.environ["PYTEST_XDIST_WORKER_COUNT"] = str(workerinput["workercount"])
    from _pytest.config import _prepareconfig

    config = _prepareconfig(args, None)
    option = config.option
    option.loadgroup = option.dist == "loadgroup"
    option.looponfail = option.usepdb = option.distload = False
    option.dist, option.numprocesses, option.maxprocesses, option.tx = "no", None, None, []
    option.basetemp = setup["basetemp"]
    config._parser.prog = os.path.basename(workerinput["mainargv"][0])
    config.workerinput, config.workeroutput = workerinput, {}
    config.pluginmanager.register(Worker(config, channel), "python_wasm_worker")
    config.hook.pytest_cmdline_main(config=config)
    config._ensure_unconfigure()


def _read(channel):
    line = channel.read()
    if line is None:
        os._exit(1)  # nobody listens any more
    from .channel import loads

    return loads(line)


class Worker:
    def __init__(self, config, channel):
        self.config, self.channel = config, channel
        self.queue, self.more = [], True

    def say(self, what, **more):
        from .channel import dumps

        self.channel.write(dumps([what, more]))

    def pytest_internalerror(self, excrepr):
        self.say("internal_error", text=str(excrepr))

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionstart(self, session):
        self.session = session
        self.say(
            "ready",
            info={
                "version": sys.version, "version_info": list(sys.version_info), "sysplatform": sys.platform, "platform": platform.platform(),
                "executable": sys.executable, "cwd": os.getcwd(),
            },
        )

    @pytest.hookimpl(wrapper=True)
    def pytest_sessionfinish(self, session, exitstatus):
        output = self.config.workeroutput
        output["exitstatus"] = int(exitstatus)
        output["shouldfail"], output["shouldstop"] = session.shouldfail, session.shouldstop
        try:
            return (yield)
        finally:
            self.say("finished", output=output)

    def pytest_collection_finish(self, session):
        self.say("collected", ids=[item.nodeid + self._group(item) for item in session.items])

    def _group(self, item):
        if not self.config.option.loadgroup:
            return ""
        names = {str(mark.args[0] if mark.args else mark.kwargs.get("name", "default")) for mark in item.iter_markers("xdist_group")}
        return f"@{'_'.join(sorted(names))}" if names else ""

    def pytest_collectreport(self, report):
        if not report.passed:
            self.say("collectreport", data=self.config.hook.pytest_report_to_serializable(config=self.config, report=report))

    def _next(self):
        """The index of the next test; None where there is none."""
        while not self.queue and self.more:
            what, indices = _read(self.channel)
            if what == "run":
                self.queue += indices
            else:
                self.more = False
        return self.queue.pop(0) if self.queue else None

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session):
        index = self._next()
        while index is not None:
            following = self._next()
            self.index = index
            begun = time.perf_counter()
            item = session.items[index]
            self.config.hook.pytest_runtest_protocol(item=item, nextitem=None if following is None else session.items[following])
            self.say("complete", index=index, seconds=time.perf_counter() - begun)
            index = following
            if session.shouldfail or session.shouldstop:
                break
        return True

    def pytest_runtest_logstart(self, nodeid, location):
        self.say("logstart", nodeid=nodeid, location=location)

    def pytest_runtest_logfinish(self, nodeid, location):
        self.say("logfinish", nodeid=nodeid, location=location)

    def pytest_runtest_logreport(self, report):
        data = self.config.hook.pytest_report_to_serializable(config=self.config, report=report)
        data |= {"item_index": self.index, "worker_id": self.config.workerinput["workerid"], "testrun_uid": self.config.workerinput["testrunuid"]}
        self.say("report", data=data)

    def pytest_warning_recorded(self, warning_message, when, nodeid, location):
        category = warning_message.category or type(warning_message.message)
        self.say(
            "warning", text=str(warning_message.message), module=category.__module__, name=category.__qualname__,
            filename=warning_message.filename, lineno=warning_message.lineno, line=warning_message.line, when=when, nodeid=nodeid, location=location,
        )
