"""pytest under WASI. It is found under the name of pytest-xdist, whose place it takes: there is nothing that could run beside."""

import pytest


def pytest_addoption(parser):
    group = parser.getgroup("xdist", "tests in several runtimes")
    group._addoption("-n", "--numprocesses", dest="numprocesses", metavar="numprocesses", help="Not under WASI: python-wasm --runtime node has it.")


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_load_initial_conftests(early_config):
    # Descriptors can't be duplicated: what is captured is what Python writes, by capfd, too. There are no
    # users, and a trap of WebAssembly is no signal
    # that faulthandler could tell of.
    from _pytest import capture, compat, tmpdir

    compat.get_user_id = tmpdir.get_user_id = lambda: None
    capture.FDCapture, capture.FDCaptureBinary = capture.SysCapture, capture.SysCaptureBinary
    early_config.pluginmanager.unregister(name="faulthandler")
    return (yield)


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config):
    if config.option.numprocesses not in (None, "0"):
        raise pytest.UsageError("-n: WASI has no second runtime for a program; python-wasm --runtime node has it")
