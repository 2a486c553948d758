"""The hooks that pytest-xdist offers to plugins."""

import pytest


@pytest.hookspec()
def pytest_xdist_setupnodes(config, specs):
    """Called before the first runtime is started."""


@pytest.hookspec()
def pytest_xdist_newgateway(gateway):
    """Called when a runtime was started."""


@pytest.hookspec()
def pytest_xdist_rsyncstart(source, gateways):
    """Never called: runtimes see the same files."""


@pytest.hookspec()
def pytest_xdist_rsyncfinish(source, gateways):
    """Never called: runtimes see the same files."""


@pytest.hookspec(firstresult=True)
def pytest_xdist_getremotemodule():
    """Never called: what runs in a runtime is worker.py."""


@pytest.hookspec()
def pytest_configure_node(node):
    """Called before a runtime is told what to do: what is put into node.workerinput is its config.workerinput."""


@pytest.hookspec()
def pytest_testnodeready(node):
    """Called when a runtime has read its configuration."""


@pytest.hookspec()
def pytest_testnodedown(node, error):
    """Called when a runtime has ended; node.workeroutput is what its config.workeroutput was."""


@pytest.hookspec()
def pytest_xdist_node_collection_finished(node, ids):
    """Called when a runtime has collected tests."""


@pytest.hookspec(firstresult=True)
def pytest_xdist_make_scheduler(config, log):
    """Returns what distributes tests, in the place of --dist."""


@pytest.hookspec(firstresult=True)
def pytest_xdist_auto_num_workers(config):
    """Returns how many runtimes -n auto means."""


@pytest.hookspec()
def pytest_handlecrashitem(crashitem, report, sched):
    """Called with the test in which a runtime crashed. sched.mark_test_pending(crashitem) has it run again."""
