# Runs inside the interpreter, called by run.mjs. Evaluates to a dict of its functions, so that no module of ours is
# visible to the package under test.
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

    def imports(names, emit):
        import importlib

        start()
        passed = True
        for name in names:
            emit(json.dumps({"event": "start", "phase": "import", "name": name}))
            end = {"event": "end", "phase": "import", "name": name, "outcome": "passed"}
            began = time.monotonic()
            try:
                importlib.import_module(name)
            except BaseException as error:
                passed = False
                traceback.print_exc()
                end |= {"outcome": "failed", "message": text(error)}
                end["detail"] = traceback.format_exc()[-4000:]
                missing = (getattr(error, "name", None) or name).partition(".")[0]
                if isinstance(error, ModuleNotFoundError) and missing != name.partition(".")[0]:
                    end["message"] += " (only declared run requirements are installed)"
            emit(json.dumps(end | {"seconds": time.monotonic() - began}))
        return passed

    def tests(names, emit):
        import os
        import shutil

        start()
        shutil.copytree("/job/tests", "/home/pyodide/tests")
        os.chdir("/home/pyodide/tests")
        if "/opt/pytest" not in sys.path:
            sys.path.append("/opt/pytest")
        import pytest

        cases = {}
        failed = set()

        class Reporter:
            def pytest_collectreport(self, report):
                if report.failed:
                    self.pytest_runtest_logstart(report.nodeid)
                    self.pytest_runtest_logreport(report)
                    self.pytest_runtest_logfinish(report.nodeid)

            def pytest_runtest_logstart(self, nodeid):
                cases[nodeid] = {"event": "end", "phase": "test", "name": nodeid, "outcome": "passed", "seconds": 0}
                emit(json.dumps({"event": "start", "phase": "test", "name": nodeid}))

            def pytest_runtest_logreport(self, report):
                case = cases[report.nodeid]
                case["seconds"] += getattr(report, "duration", 0)
                if report.passed or case["outcome"] == "failed":
                    return
                case["outcome"] = report.outcome
                case["message"] = reason(report)[:2000]
                if report.failed:
                    failed.add(report.nodeid)
                    case["detail"] = report.longreprtext[-4000:]

            def pytest_runtest_logfinish(self, nodeid):
                emit(json.dumps(cases.pop(nodeid)))

        def reason(report):
            if report.skipped:
                if hasattr(report, "wasxfail"):
                    return "expected to fail: " + report.wasxfail
                return str(report.longrepr[2])
            crash = getattr(report.longrepr, "reprcrash", None)
            if crash is None:
                return report.longreprtext.strip().rpartition("\n")[2]
            return f"{os.path.basename(crash.path)}:{crash.lineno}: {crash.message}"

        status = pytest.main([*options, *names], plugins=[Reporter()])
        if status == pytest.ExitCode.NO_TESTS_COLLECTED:
            return "no tests were found in the recipe's test files"
        # A file that can't be collected has been reported, and ends the session too.
        if status != pytest.ExitCode.OK and not failed:
            return f"pytest ended with status {int(status)}"

    # tee-sys: what a test printed before it killed the runtime is in the log.
    options = ["-v", "--capture=tee-sys", "-p", "no:cacheprovider", "-p", "no:faulthandler", "--rootdir=."]

    def has_any(names):
        import importlib.util

        # What pytest's wheels describe themselves with (*.dist-info) is no module.
        return any(importlib.util.find_spec(name) for name in names if name.isidentifier())

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

    return {"imports": imports, "has_any": has_any, "tests": tests, "warm_up": warm_up}


_functions()
