# Runs natively, in the image with Chromium: python3 chromium.py MODE.
#
#   test     imports the job's modules and runs the recipe's own tests
#   suite    runs the commands of the recipe's wasmill.test
#   pyodide  runs the tests that are written for pytest-pyodide
#
# The events are those of run.mjs.
import json
import pathlib
import shutil
import sys

import browser
import host
from host import job, tell

dist = pathlib.Path("/tmp/dist")
PROGRAMS = ("page.mjs", "runtime.mjs", "run.py")


def version():
    """The runtime's version as it says it itself; npm spells it in another way."""
    version = json.loads(pathlib.Path("/opt/pyodide/package.json").read_text())["version"]
    return version.replace("-alpha.", "a").replace("-beta.", "b").replace("-rc.", "rc")


def session(run, archives):
    host.distribution(dist)
    browser.lay_out(dist, PROGRAMS, archives)
    with browser.served(dist, {"/told": lambda body: host.emit(body.decode()), "/printed": browser.printed}) as address:
        pages = browser.Pages(address)
        try:
            tell(event="runtime", name=f"pyodide {version()}, Chromium {pages.version()}")
            run(pages)
        finally:
            pages.quit()
    tell(event="done")


def died(message):
    tell(event="fatal", message=message)
    sys.exit(1)


def call(pages, function, *arguments):
    """Gives how the function ended, and why it died."""
    try:
        ended = pages.call("/wasmill/page.mjs", function, job, *arguments)
    except RuntimeError as error:
        print("fatal:", error, flush=True)
        return "died", f"the page ended: {error}"
    ended, _, message = ended.partition(": ")
    return ended, message


def test(pages):
    good = True
    for name in job["imports"]:
        ended, message = call(pages, "importOne", name)
        if ended == "died":
            died(message)
        good = good and ended == "passed"
    if not good or not job["tests"]:
        return
    ended, message = call(pages, "tests")
    if ended == "died":
        died(message)
    if ended == "failed":
        print(message, flush=True)
        tell(event="gave-up", phase="test", message=message)
        sys.exit(1)


def suite(pages):
    def run(words, ended):
        how, message = call(pages, "command", words, ended)
        return f"the runtime died: {message}" if how == "died" else None

    host.commands(run)


# Anything that a test configures comes later and wins.
load = """
let pyodide = await loadPyodide({ fullStdLib: false, jsglobals: self });
await (await import("/wasmill/page.mjs")).prepare(pyodide);
"""


def pyodide():
    from pytest_pyodide.config import get_global_config
    from pytest_pyodide.runner import SeleniumChromeRunner

    def get_driver(self, jspi=False):
        return browser.chromium(self._config.get_flags("chrome"))

    SeleniumChromeRunner.script_timeout = browser.FOREVER
    SeleniumChromeRunner.get_driver = get_driver
    get_global_config().set_load_pyodide_script("chrome", load)
    host.distribution(dist, host.helpers())
    browser.lay_out(dist, PROGRAMS, {"pytest": "/opt/pytest"})
    shutil.make_archive(dist / "wasmill/helpers", "zip", "/tools", "tblib")
    host.pytest_pyodide(dist, "chrome", SeleniumChromeRunner)


if __name__ == "__main__":
    if sys.argv[1] == "pyodide":
        pyodide()
    elif sys.argv[1] == "suite":
        session(suite, {"pytest": "/opt/pytest", "suite": "/job/suite"})
    else:  # the imports alone need no archive
        session(test, {"pytest": "/opt/pytest", "tests": "/job/tests"} if job["tests"] else {})
