# Runs inside the interpreter, called by run.mjs, and natively, called by host.py. Evaluates to a dict of its functions,
# so that no module of ours is visible to the package under test.
def _functions():
    import json
    import sys
    import time
    import traceback

    def text(error):
        return "".join(traceback.format_exception_only(error)).strip()[-2000:]

    def start():
        import random

        # The snapshot restores the state of the generator, too.
        random.seed()
        sys.stdout.reconfigure(line_buffering=True)
        sys.stderr.reconfigure(line_buffering=True)

    def imports(name, emit):
        import importlib

        start()
        emit(json.dumps({"event": "start", "phase": "import", "name": name}))
        end = {"event": "end", "phase": "import", "name": name, "outcome": "passed"}
        began = time.monotonic()
        try:
            importlib.import_module(name)
        except BaseException as error:
            traceback.print_exc()
            end |= {"outcome": "failed", "message": text(error)}
            end["detail"] = traceback.format_exc()[-4000:]
            missing = (getattr(error, "name", None) or name).partition(".")[0]
            if isinstance(error, ModuleNotFoundError) and missing in sys.stdlib_module_names:
                end["message"] += " (a part of the standard library that Python lacks here)"
            elif isinstance(error, ModuleNotFoundError) and missing != name.partition(".")[0]:
                end["message"] += " (only declared run requirements are installed)"
        emit(json.dumps(end | {"seconds": time.monotonic() - began}))
        return end["outcome"] == "passed"

    # A plugin for pytest that tells what becomes of each test. source says whose tests they are; those of ended have
    # been told of before.
    def reporter(emit, source=None, ended=()):
        import os

        about = {"phase": "test"} | ({"from": source} if source else {})

        class Reporter:
            def __init__(self):
                self.cases = {}
                self.failed = set()

            def pytest_collectstart(self, collector):
                remember(collector)

            def pytest_itemcollected(self, item):
                remember(item)

            def pytest_collection_modifyitems(self, items):
                items[:] = [item for item in items if named(item.nodeid) not in ended]

            def pytest_collectreport(self, report):
                if report.failed and named(report.nodeid) not in ended:
                    self.pytest_runtest_logstart(report.nodeid)
                    self.pytest_runtest_logreport(report)
                    self.pytest_runtest_logfinish(report.nodeid)

            def pytest_runtest_logstart(self, nodeid):
                self.cases[nodeid] = about | {"event": "end", "name": named(nodeid), "outcome": "passed", "seconds": 0}
                emit(json.dumps(about | {"event": "start", "name": named(nodeid)}))

            def pytest_runtest_logreport(self, report):
                case = self.cases[report.nodeid]
                case["seconds"] += getattr(report, "duration", 0)
                if report.passed or case["outcome"] == "failed":
                    return
                case["outcome"] = report.outcome
                case["message"] = reason(report)[:2000]
                if report.failed:
                    self.failed.add(report.nodeid)
                    case["detail"] = report.longreprtext[-4000:]

            def pytest_runtest_logfinish(self, nodeid):
                emit(json.dumps(self.cases.pop(nodeid)))

        names = {}

        # The tests of an installed package are named by where they are in it, wherever it is installed.
        def remember(node):
            path, colons, rest = node.nodeid.partition("::")
            whole = str(getattr(node, "path", path))
            if not whole.startswith(os.path.join(os.getcwd(), "")):
                for place in sorted((p for p in sys.path if p), key=len, reverse=True):
                    if whole.startswith(os.path.join(place, "")):
                        path = whole[len(os.path.join(place, "")) :]
                        break
            names[node.nodeid] = path + colons + rest

        def named(nodeid):
            return names.get(nodeid, nodeid)

        def reason(report):
            if report.skipped:
                if hasattr(report, "wasxfail"):
                    return "expected to fail: " + report.wasxfail
                return str(report.longrepr[2])
            crash = getattr(report.longrepr, "reprcrash", None)
            if crash is None:
                return report.longreprtext.strip().rpartition("\n")[2]
            return f"{os.path.basename(crash.path)}:{crash.lineno}: {crash.message}"

        return Reporter()

    # tee-sys: what a test printed before it killed the runtime is in the log.
    options = ["-v", "--capture=tee-sys", "-p", "no:cacheprovider", "-p", "no:faulthandler", "--rootdir=."]

    def find_pytest():
        if "/opt/pytest" not in sys.path:
            sys.path.append("/opt/pytest")
        if sys.platform == "wasi":
            import _pytest.compat

            # There are no users: pytest knows that of Emscripten alone.
            _pytest.compat.get_user_id = lambda: None
        import pytest

        return pytest

    def into(folder, source):
        import os
        import shutil

        shutil.copytree(source, folder)
        os.chdir(folder)

    # What a session came to that its tests do not tell; None for one that was as it should be.
    def trouble(pytest, status, plugin, where):
        if status == pytest.ExitCode.NO_TESTS_COLLECTED:
            return "no tests were found in " + where
        # A file that can't be collected has been reported, and ends the session too.
        if status != pytest.ExitCode.OK and not plugin.failed:
            return f"pytest ended with status {int(status)}"

    def tests(names, emit, folder="/home/pyodide/tests", ended=()):
        start()
        into(folder, "/job/tests")
        pytest, plugin = find_pytest(), reporter(emit, None, set(ended))
        status = pytest.main([*options, *names], plugins=[plugin])
        return trouble(pytest, status, plugin, "the recipe's test files")

    # Runs one command of wasmill.test.run, as python -m would, in a copy of the suite's folder.
    def command(job, emit, folder="/home/pyodide/suite"):
        import os
        import runpy

        job = json.loads(job)
        words, source = job["command"], " ".join(job["command"])
        start()
        os.environ.update(job["environment"])
        into(folder, "/job/suite")
        # As `python -m`, which puts the working folder first.
        sys.path.insert(0, folder)
        if words[0] == "pytest":
            ended = set(job["ended"])
            pytest, plugin = find_pytest(), reporter(emit, source, ended)
            more = ["--continue-on-collection-errors"]
            wrong = trouble(pytest, pytest.main([*options, *more, *words[1:]], plugins=[plugin]), plugin, f"`{source}`")
            if wrong and not ended:
                emit(json.dumps({"event": "end", "phase": "test", "from": source, "name": source, "outcome": "failed", "message": wrong}))
            return
        case = {"event": "end", "phase": "test", "from": source, "name": source, "outcome": "passed"}
        emit(json.dumps(case | {"event": "start"}))
        began = time.monotonic()
        sys.argv = words
        sys.path.append("/opt/pytest")
        try:
            runpy.run_module(words[0], run_name="__main__", alter_sys=True)
        except SystemExit as ending:
            if ending.code not in (None, 0):
                case |= {"outcome": "failed", "message": f"it ended with {ending.code}"}
        except BaseException as error:
            traceback.print_exc()
            case |= {"outcome": "failed", "message": text(error), "detail": traceback.format_exc()[-4000:]}
        emit(json.dumps(case | {"seconds": time.monotonic() - began}))

    # Runs pytest once, so that a snapshot has in it all that pytest imports. pytest comes last on the path.
    def warm_up():
        import os

        sys.path.append("/opt/pytest")
        sys.dont_write_bytecode = True
        import pytest

        home = os.getcwd()
        os.mkdir("/home/pyodide/warm")
        os.chdir("/home/pyodide/warm")
        with open("test_warm.py", "w") as file:
            file.write("def test(tmp_path, capsys, monkeypatch):\n    assert True\n")
        before = list(sys.path)
        status = pytest.main([*options, "test_warm.py"])
        if status:
            raise RuntimeError(f"pytest ended with status {int(status)}")
        os.chdir(home)
        del sys.modules["test_warm"]
        sys.path[:] = before
        sys.path_importer_cache.clear()

    return {
        "imports": imports, "tests": tests, "command": command, "warm_up": warm_up, "reporter": reporter, "options": options, "trouble": trouble,
    }


_functions()
