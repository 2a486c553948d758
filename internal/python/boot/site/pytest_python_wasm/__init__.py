"""pytest -n under python-wasm: tests in several runtimes at once.

It does what pytest-xdist does natively, which needs threads and processes of its own, and is found under the same name, xdist, so that
pytest loads it in the place of an installed pytest-xdist. Options, hooks, fixtures and what plugins look for are pytest-xdist's.
"""

import os
import uuid

import pytest

DISTRIBUTIONS = ("load", "loadscope", "loadfile", "loadgroup")


def _numprocesses(text):
    return text if text in ("auto", "logical") else int(text)


def pytest_addoption(parser):
    group = parser.getgroup("xdist", "tests in several WebAssembly runtimes")
    group._addoption(
        "-n", "--numprocesses", dest="numprocesses", metavar="numprocesses", type=_numprocesses,
        help="Run tests in this many runtimes; auto: as many as there are processors.\nA runtime takes some 200 MB.",
    )
    group.addoption("--maxprocesses", dest="maxprocesses", type=int, help="At most so many with -n auto")
    group.addoption(
        "--max-worker-restart", dest="maxworkerrestart", type=int, default=None,
        help="How many runtimes that crashed are replaced (default: four times as many as there are)",
    )
    group.addoption(
        "--dist", dest="dist", default="no", metavar="distmode", choices=[*DISTRIBUTIONS, "worksteal", "each", "no"],
        help="How tests are distributed.\nload: to whichever runtime is free (what -n means).\nloadscope: tests of a module or class stay together."
        "\nloadfile: tests of a file stay together.\nloadgroup: tests with the same mark xdist_group stay together.\nworksteal: as load.",
    )
    group._addoption("-d", dest="distload", action="store_true", default=False, help="Short for --dist=load")
    group.addoption("--maxschedchunk", dest="maxschedchunk", type=int, help="At most so many tests are given to a runtime at a time")
    group.addoption("--loadscope-reorder", dest="loadscopereorder", action="store_true", default=True, help="Large scopes first (default)")
    group.addoption("--no-loadscope-reorder", dest="loadscopereorder", action="store_false", help="Scopes in their order")
    group.addoption("--testrunuid", dest="testrunuid", default=None, help="The value of the fixture testrun_uid (default: a new one)")
    group.addoption("--tx", dest="tx", action="append", default=[], metavar="xspec", help="N*popen: N runtimes; others are not there in WebAssembly")


def pytest_addhooks(pluginmanager):
    from . import hooks

    pluginmanager.add_hookspecs(hooks)


def _tx(specs):
    """How many runtimes --tx asks for."""
    number = 0
    for spec in specs:
        times, star, rest = spec.partition("*")
        if (rest if star else spec) != "popen" or (star and not times.isdigit()):
            raise pytest.UsageError(f"--tx {spec}: only N*popen is there in WebAssembly: runtimes on this machine")
        number += int(times) if star else 1
    return number


@pytest.hookimpl(trylast=True)
def pytest_xdist_auto_num_workers(config):
    if "PYTEST_XDIST_AUTO_NUM_WORKERS" in os.environ:
        return int(os.environ["PYTEST_XDIST_AUTO_NUM_WORKERS"])
    from .channel import Channel

    return Channel.of(config).processors()


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config):
    option = config.option
    if hasattr(config, "workerinput"):
        return
    if option.distload:
        option.dist = "load"
    if option.tx:
        option.numprocesses = _tx(option.tx)
    number = option.numprocesses
    if number in ("auto", "logical"):
        number = 0 if option.usepdb else config.hook.pytest_xdist_auto_num_workers(config=config)
        if option.maxprocesses is not None:
            number = min(number, option.maxprocesses)
        option.numprocesses = number
    if number is None or option.collectonly:
        if option.dist != "no" and number is None and not option.collectonly:
            raise pytest.UsageError(f"--dist {option.dist} needs a number of runtimes: -n NUMBER or -n auto")
        option.dist = "no"
        option.numprocesses = None
        return
    if number < 0:
        raise pytest.UsageError(f"-n {number}: a number of runtimes is 0 or more")
    if number == 0:
        option.dist = "no"
        return
    if option.usepdb:
        raise pytest.UsageError("--pdb needs one runtime, which has the terminal: leave -n away")
    if option.dist == "each":
        raise pytest.UsageError("--dist each: all runtimes are alike here, so each test runs in one")
    if option.dist in ("no", "worksteal"):
        option.dist = "load"
    option.tx = ["popen"] * number


@pytest.hookimpl(trylast=True)
def pytest_configure(config):
    config.addinivalue_line("markers", "xdist_group(name): tests of one group run in one runtime with --dist loadgroup.")
    if config.option.numprocesses and not hasattr(config, "workerinput"):
        from .controller import Controller

        config.pluginmanager.register(Controller(config), "dsession")


@pytest.fixture(scope="session")
def worker_id(request):
    """The name of the runtime that a test runs in, gw0 for example; master where there is only one."""
    return getattr(request.config, "workerinput", {}).get("workerid", "master")


@pytest.fixture(scope="session")
def testrun_uid(request):
    """The same for all runtimes of a test run, and another for each run."""
    config = request.config
    if hasattr(config, "workerinput"):
        return config.workerinput["testrunuid"]
    return config.option.testrunuid or uuid.uuid4().hex
