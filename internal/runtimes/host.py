# Runs natively, in the toolchain's image that has a Python of its own: python3 host.py MODE.
#
#   pyodide  runs the tests that are written for pytest-pyodide: pytest here, what it tests in node
#   native   runs the commands of the recipe's wasmill.test beside the runtime, for comparison
#
# The events are those of run.mjs.
import contextlib
import hashlib
import http.server
import json
import os
import pathlib
import platform
import shutil
import subprocess
import sys
import tempfile
import threading
import zipfile

with open("/job/job.json") as file:
    job = json.load(file)
events = os.open("/out/events.jsonl", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
here = pathlib.Path(__file__).parent


def emit(line):
    os.write(events, line.encode() + b"\n")


def tell(**event):
    emit(json.dumps(event))


scope = {}
exec(compile((here / "run.py").read_text(), str(here / "run.py"), "exec"), scope)
ours = scope["_functions"]()


def stub(folder, name, version):
    """Writes a wheel without a module: what it stands for is there already. pytest-pyodide loads it by name."""
    info = f"{name}-{version}.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    tags = "Wheel-Version: 1.0\nGenerator: wasmill\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    path = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr(f"{info}/METADATA", metadata)
        wheel.writestr(f"{info}/WHEEL", tags)
        wheel.writestr(f"{info}/RECORD", f"{info}/METADATA,,\n{info}/WHEEL,,\n{info}/RECORD,,\n")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return {"name": name, "version": version, "file": path.name, "sha256": digest, "modules": [name], "depends": []}


def helpers():
    """What pytest-pyodide loads into the runtime for itself: it is mounted there (see load)."""
    from importlib.metadata import version

    [pytest] = pathlib.Path("/opt/pytest").glob("pytest-*.dist-info")
    return {"pytest": pytest.name.removesuffix(".dist-info").partition("-")[2], "tblib": version("tblib")}


def distribution(folder, helpers={}):
    """Makes what a test takes for Pyodide's distribution: the runtime, the job's wheels, stubs of helpers, and their lock."""
    shutil.copytree("/opt/pyodide", folder)
    wheels = list(job["wheels"])
    for path in pathlib.Path("/job/wheels").iterdir():
        shutil.copy(path, folder)
    names = {wheel["name"] for wheel in wheels}
    for name, version in helpers.items():
        if name not in names:
            wheels.append(stub(folder, name, version))
    with open("/opt/pyodide/pyodide-lock.json") as file:
        lock = {"info": json.load(file)["info"], "packages": {}}
    for wheel in wheels:
        lock["packages"][wheel["name"]] = {
            "name": wheel["name"], "version": wheel["version"], "file_name": wheel["file"], "sha256": wheel["sha256"],
            "install_dir": "site", "package_type": "package", "imports": wheel["modules"],
            "depends": [name for name in wheel["depends"] if name in names],
        }
    (folder / "pyodide-lock.json").write_text(json.dumps(lock))


class Needs:
    """Asks each runtime, before it ends, how much it needed."""

    def __init__(self, runner):
        quit = runner.quit

        def asking(self):
            try:
                tell(**self.run_js("return globalThis.wasmillNeeds ? wasmillNeeds(pyodide._module) : {}", pyodide_checks=False))
            except Exception:
                pass  # it is dead, or the test never started it
            quit(self)

        runner.quit = asking


class Names:
    """Names what a test loads and may not."""

    def pytest_runtest_makereport(self, item, call):
        error = call.excinfo and call.excinfo.value
        if isinstance(error, RuntimeError) and "No known package with name" in str(error):
            error.args = (f"{error} (only the package, and what its requirements.run and wasmill.test.requires name, can be loaded)",)


@contextlib.contextmanager
def web_server(folder, extra_headers=None, handler_cls=None):
    """pytest-pyodide's server as a thread: its own is a process, and is waited for 20 seconds, which a busy machine may need."""
    from pytest_pyodide.server import DefaultHandler

    log = pathlib.Path(tempfile.mkdtemp()) / "http-server.log"

    class Handler(handler_cls or DefaultHandler):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, directory=folder, **({} if handler_cls else {"extra_headers": extra_headers or {}}), **kwargs)

        def log_message(self, text, *args):
            with log.open("a") as file:
                print(text % args, file=file)

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield "127.0.0.1", server.server_port, log
        finally:
            server.shutdown()


# The snapshot saves the start of an interpreter, and the import of pytest. Anything that a test configures comes later
# and wins.
load = """
const rt = await import("/job/node.mjs");
const snapshot = rt.snapshotFor(%s);
let pyodide = await loadPyodide({ fullStdLib: false, jsglobals: self, ...(await rt.restore("/snapshot/" + snapshot)) });
rt.mount(pyodide, "/opt/pytest");
rt.mount(pyodide, "/opt/helpers/tblib", "/tools/tblib");
pyodide.runPython("import sys, random; random.seed(); sys.path += [p for p in ('/opt/pytest', '/opt/helpers') if p not in sys.path]");
rt.paintStack(pyodide._module);
globalThis.wasmillNeeds = rt.needs;
"""


def pyodide():
    sys.path.append("/tools")
    from pytest_pyodide.config import get_global_config
    from pytest_pyodide.runner import NodeRunner

    folder = pathlib.Path("/tmp/dist")
    distribution(folder, helpers())
    # How long one step of a test may take is the container's matter; a test that says it itself is obeyed.
    NodeRunner.script_timeout = 3600
    get_global_config().set_load_pyodide_script("node", load % json.dumps({"wheels": job["wheels"]}))
    pytest_pyodide(folder, "node", NodeRunner)


def pytest_pyodide(folder, runtime, runner):
    """Runs the tests that are written for pytest-pyodide in one of its runtimes, and ends."""
    import pytest
    import pytest_pyodide.fixture
    from importlib.metadata import version

    tell(event="runtime", name=f"pytest-pyodide {version('pytest-pyodide')}")
    shutil.copytree("/job/tests", "/tmp/tests")
    os.chdir("/tmp/tests")
    Needs(runner)
    pytest_pyodide.spawn_web_server = pytest_pyodide.server.spawn_web_server = pytest_pyodide.fixture.spawn_web_server = web_server
    plugin = ours["reporter"](emit)
    arguments = [*ours["options"], f"--dist-dir={folder}", f"--runtime={runtime}", "-W", "ignore::pytest.PytestDeprecationWarning"]
    status = pytest.main([*arguments, *job["pyodide_tests"]], plugins=[plugin, Names()])
    wrong = ours["trouble"](pytest, status, plugin, "the recipe's test files")
    if wrong:
        print(wrong)
        tell(event="gave-up", phase="test", message=wrong)
        sys.exit(1)
    tell(event="done")


def told():
    return [json.loads(line) for line in open("/out/events.jsonl")]


def commands(run):
    """Runs each command by run(words, ended), which says why its process died. A test in which it died must not hide the
    others: the command runs once more, without those that have ended."""
    for words in job["commands"]:
        whole = " ".join(words)
        while True:
            ended = [e["name"] for e in told() if e["event"] == "end" and e.get("from") == whole]
            died = run(words, ended)
            if died is None:
                break
            running = next(e for e in reversed(told()) if e["event"] in ("start", "end", "runtime"))
            if running["event"] != "start" or running["name"] == whole:
                tell(event="fatal", message=died)
                sys.exit(1)
            tell(**running | {"event": "end", "outcome": "failed", "seconds": 0, "message": died})


def native():
    tell(event="runtime", name=f"CPython {platform.python_version()}, {platform.system()} {platform.machine()}")
    environment = os.environ | {"PYTHONPATH": "/site"}
    work = pathlib.Path(tempfile.mkdtemp()) / "command.json"

    def run(words, ended):
        work.write_text(json.dumps({"command": words, "environment": job["environment"], "ended": ended}))
        status = subprocess.run([sys.executable, __file__, "command", str(work)], env=environment).returncode
        return f"the process ended with {'signal' if status < 0 else 'status'} {abs(status)}" if status else None

    commands(run)
    tell(event="done")


def command():
    folder = os.path.join(tempfile.mkdtemp(), "suite")
    ours["command"](pathlib.Path(sys.argv[2]).read_text(), emit, folder)
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    {"pyodide": pyodide, "native": native, "command": command}[sys.argv[1]]()
