"""The session that has the terminal: it starts runtimes, gives them tests, and takes their reports for its own."""

import sys
import uuid
import warnings

import pytest

from .channel import Channel
from .schedule import Schedule

_BEGIN = "from pytest_python_wasm.worker import main; main()"


class Spec:
    """What pytest-xdist calls an xspec."""

    popen, chdir, ssh, socket, python, via = True, None, None, None, None, None

    def __init__(self, name):
        self.id = name

    def __repr__(self):
        return f"<XSpec 'popen//id={self.id}'>"


class Gateway:
    def __init__(self, name):
        self.id, self.spec = name, Spec(name)
        self.info = {}

    def _rinfo(self):
        from types import SimpleNamespace

        return SimpleNamespace(**self.info)


class Node:
    """A runtime, as plugins see it."""

    def __init__(self, controller, name):
        self.config, self.nodemanager, self._channel = controller.config, controller, controller.channel
        self.gateway = Gateway(name)
        self.workerinput = {
            "workerid": name, "workercount": controller.number, "testrunuid": controller.testrunuid, "mainargv": list(sys.argv),
        }
        self.workeroutput, self.workerinfo = {}, {}
        self.finished = self.failed = self._told = False

    def __repr__(self):
        return f"<WorkerController {self.gateway.id}>"

    def start(self):
        self.config.hook.pytest_configure_node(node=self)
        name = self.gateway.id
        factory = getattr(self.config, "_tmp_path_factory", None)
        base = str(factory.getbasetemp() / f"popen-{name}") if factory else None
        self._channel.start(name, _BEGIN)
        args = [str(arg) for arg in self.config.invocation_params.args]
        self._channel.send(name, ["setup", {"workerinput": self.workerinput, "args": args, "path": sys.path, "basetemp": base}])

    def run(self, indices):
        self._channel.send(self.gateway.id, ["run", indices])

    def shutdown(self):
        if not self._told:
            self._told = True
            self._channel.send(self.gateway.id, ["shutdown", []])

    def kill(self):
        self._channel.kill(self.gateway.id)


class Controller:
    roots = ()  # that pytest-xdist would copy to other machines

    def __init__(self, config):
        self.config, self.channel = config, Channel.of(config)
        self.number = config.option.numprocesses
        self.testrunuid = config.option.testrunuid or uuid.uuid4().hex
        restarts = config.option.maxworkerrestart
        self.restarts = 4 * self.number if restarts is None else restarts
        self.crashes, self.count = 0, 0
        self.nodes = {}  # by name, those that run
        self.stopping = False
        self.errors = set()  # of collection, which every runtime has
        self.summary = None

    def _say(self, words, **markup):
        terminal = self.config.pluginmanager.getplugin("terminalreporter")
        if terminal and self.config.option.verbose >= 0:
            terminal.ensure_newline()
            terminal.write_line(words, **markup)

    @pytest.hookimpl(trylast=True)
    def pytest_sessionstart(self, session):
        self.session = session
        self.schedule = self.config.hook.pytest_xdist_make_scheduler(config=self.config, log=lambda *words: None)
        if self.schedule is not None:
            raise pytest.UsageError("a plugin has a scheduler of its own for pytest-xdist, which can't be used here: --dist says what can")
        self.schedule = Schedule(self.config)
        names = [self._name() for _ in range(self.number)]
        self.config.hook.pytest_xdist_setupnodes(config=self.config, specs=[Spec(name) for name in names])
        for name in names:
            self._start(name)

    def _name(self):
        self.count += 1
        return f"gw{self.count - 1}"

    def _start(self, name):
        node = self.nodes[name] = Node(self, name)
        self.schedule.add_node(node)
        node.start()
        self.config.hook.pytest_xdist_newgateway(gateway=node.gateway)

    def pytest_collection(self):
        return True  # the runtimes collect

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session):
        while self.nodes:
            self._step(*self.channel.event())
            if session.shouldfail:
                raise session.Failed(session.shouldfail)
            if session.shouldstop:
                raise session.Interrupted(session.shouldstop)
        if session.testsfailed and not session.testscollected and not self.config.option.continue_on_collection_errors:
            raise session.Interrupted(f"{session.testsfailed} error{'s' if session.testsfailed != 1 else ''} during collection")
        return True

    def pytest_sessionfinish(self):
        """Whatever still runs is in the middle of something that nobody wants any more."""
        for node in list(self.nodes.values()):
            node.shutdown()
            node.kill()
        while self.nodes:
            verb, name, what = self.channel.event()
            if verb == "ended" and (node := self.nodes.pop(name, None)):
                self.config.hook.pytest_testnodedown(node=node, error="stopped")

    def pytest_terminal_summary(self, terminalreporter):
        if self.summary:
            terminalreporter.write_sep("=", self.summary)

    def _step(self, verb, name, what):
        node = self.nodes.get(name)
        if node is None:
            return
        if verb == "ended":
            self._ended(node, what)
        else:
            getattr(self, "_on_" + what[0])(node, **what[1])
        if self.schedule.finished:
            for other in self.nodes.values():
                other.shutdown()

    def _ended(self, node, how):
        del self.nodes[node.gateway.id]
        if node.finished:
            self.schedule.remove_node(node)
            self._reckon()
            return
        self.config.hook.pytest_testnodedown(node=node, error=how)
        name = node.gateway.id
        test = self.schedule.remove_node(node)
        if test is not None:
            self._crashed(test, node, how)
        self.crashes += 1
        if node.failed:
            pass
        elif not node.workerinfo:
            self._stop(f"the runtime {name} did not start ({how})")
        elif self.crashes > self.restarts:
            self._stop(f"{self.crashes} {'runtime' if self.crashes == 1 else 'runtimes'} crashed; --max-worker-restart allows {self.restarts}")
        elif self.schedule.groups or self.schedule.collected is None:
            self._say(f"the runtime {name} crashed ({how}); a new one goes on", red=True)
            self._start(self._name())
        self._reckon()

    def _stop(self, words):
        self.summary = words
        self.session.shouldfail = self.session.shouldfail or words

    def _crashed(self, test, node, how):
        index, test = self.schedule.collected.index(test), self.schedule.bare(test)
        path = test.split("::")[0]
        words = f"worker {node.gateway.id!r} crashed while running {test!r}: {how}"
        # The end of the teardown is when the JUnit XML takes a test for ended.
        for when, outcome, longrepr in ("call", "failed", words), ("teardown", "passed", None):
            report = pytest.TestReport(
                nodeid=test, location=(path, None, test.split("::", 1)[-1]), keywords={}, outcome=outcome, when=when, longrepr=longrepr,
            )
            report.node = node
            report.worker_id, report.item_index, report.testrun_uid = node.gateway.id, index, self.testrunuid
            if outcome == "failed":
                self.config.hook.pytest_handlecrashitem(crashitem=test, report=report, sched=self.schedule)
            self.config.hook.pytest_runtest_logreport(report=report)
        self.config.hook.pytest_runtest_logfinish(nodeid=test, location=report.location)

    def _reckon(self):
        """Begins once every runtime has collected."""
        schedule = self.schedule
        if schedule.groups is not None or not schedule.collections or len(schedule.collections) < len(schedule.nodes):
            return
        if self.session.testsfailed and not self.config.option.continue_on_collection_errors:
            errors = self.session.testsfailed
            self.session.shouldstop = self.session.shouldstop or f"{errors} error{'s' if errors != 1 else ''} during collection"
            return
        bad = schedule.begin()
        self.session.testscollected = len(schedule.collected)
        many = len(schedule.nodes)
        self._say(f"{many} runtime{'s' if many != 1 else ''} [{len(schedule.collected)} items]")
        if bad:
            self._stop(bad[0])
            return
        schedule.fill()

    # What runtimes say.

    def _on_ready(self, node, info):
        node.workerinfo = node.gateway.info = {**info, "version_info": tuple(info["version_info"]), "id": node.gateway.id, "spec": node.gateway.spec}
        self.config.hook.pytest_testnodeready(node=node)

    def _on_collected(self, node, ids):
        self.config.hook.pytest_xdist_node_collection_finished(node=node, ids=ids)
        if bad := self.schedule.add_collection(node, ids):
            self._stop(bad)
        self._reckon()
        if self.schedule.groups is not None:
            self.schedule.fill()

    def _report(self, data):
        """A report out of JSON, which knows no tuples."""
        if "location" in data:
            data["location"] = tuple(data["location"])
        if isinstance(data["longrepr"], list):  # file, line and reason of a skip
            data["longrepr"] = tuple(data["longrepr"])
        data["user_properties"] = [tuple(pair) for pair in data.get("user_properties", ())]
        data["sections"] = [tuple(pair) for pair in data.get("sections", ())]
        return self.config.hook.pytest_report_from_serializable(config=self.config, data=data)

    def _on_collectreport(self, node, data):
        report = self._report(data)
        key = (report.nodeid, str(report.longrepr))
        if key not in self.errors:
            self.errors.add(key)
            self.config.hook.pytest_collectreport(report=report)

    def _on_logstart(self, node, nodeid, location):
        self.config.hook.pytest_runtest_logstart(nodeid=nodeid, location=tuple(location))

    def _on_logfinish(self, node, nodeid, location):
        self.config.hook.pytest_runtest_logfinish(nodeid=nodeid, location=tuple(location))

    def _on_report(self, node, data):
        report = self._report(data)
        report.node = node
        self.config.hook.pytest_runtest_logreport(report=report)

    def _on_complete(self, node, index, seconds):
        self.schedule.complete(node, index)

    def _on_warning(self, node, text, module, name, filename, lineno, line, when, nodeid, location):
        category = getattr(sys.modules.get(module), name, None)
        if not (isinstance(category, type) and issubclass(category, Warning)):
            category = type(name, (UserWarning,), {"__module__": module})
        message = warnings.WarningMessage(category(text), category, filename, lineno, line=line)
        location = tuple(location) if location else None
        self.config.hook.pytest_warning_recorded.call_historic(
            kwargs={"warning_message": message, "when": when, "nodeid": nodeid, "location": location}
        )

    def _on_internal_error(self, node, text):
        node.failed = True
        self._say(text, red=True)
        raise RuntimeError(f"pytest failed in the runtime {node.gateway.id}: see above")

    def _on_finished(self, node, output):
        node.finished, node.workeroutput = True, output
        self.config.hook.pytest_testnodedown(node=node, error=None)
        if output["exitstatus"] == 2 and not (output["shouldstop"] or output["shouldfail"]):
            self.session.shouldstop = self.session.shouldstop or f"{node.gateway.id} was interrupted"
        for why in ("shouldfail", "shouldstop"):
            if output[why]:
                setattr(self.session, why, getattr(self.session, why) or output[why])
