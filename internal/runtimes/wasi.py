# Runs inside the interpreter that a package for WASI is linked into, called by wasirun:
#
#   wasi.py import NAME   imports a module
#   wasi.py tests         runs the recipe's own tests
#   wasi.py command N     runs a command of the recipe's wasmill.test
#
# The status says that it came to its end: 10 for what went well, 11 for what did not, 12 for tests that could not run.
import sys


def main(mode, *arguments):
    import json
    import os

    with open("/job/job.json") as file:
        job = json.load(file)
    events = os.open("/out/events.jsonl", os.O_WRONLY | os.O_APPEND)

    def emit(line):
        os.write(events, line.encode() + b"\n")

    def told():
        with open("/out/events.jsonl") as file:
            return [json.loads(line) for line in file if line.startswith("{") and line.endswith("}\n")]

    def ended(source=None):
        return [e["name"] for e in told() if e["event"] == "end" and e["phase"] == "test" and e.get("from") == source]

    scope = {}
    with open("/job/run.py") as file:
        exec(compile(file.read(), "/job/run.py", "exec"), scope)
    ours = scope["_functions"]()
    del os.environ["PYTHONHOME"]  # it was only to say where the standard library is
    os.environ["HOME"] = os.environ["TMPDIR"] = "/tmp"

    if mode == "import":
        sys.path.append("/job/site")
        without(job.get("hidden", ()))
        good = ours["imports"](*arguments, emit)
    else:
        good = True
        sys.path.append("/job/full")
        if mode == "tests":
            before = ended()
            trouble = ours["tests"](job["tests"], emit, folder="/tmp/tests", ended=before)
            if trouble and not before:
                print(trouble)
                emit(json.dumps({"event": "gave-up", "phase": "test", "message": trouble[:2000]}))
                good = None
        else:
            words = job["commands"][int(arguments[0])]
            about = {"command": words, "environment": job["environment"], "ended": ended(" ".join(words))}
            ours["command"](json.dumps(about), emit, folder="/tmp/suite")
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit({True: 10, False: 11, None: 12}[good])


def without(hidden):
    """Modules that only the tests need are linked in as well: imports do without them."""

    class Hidden:
        def find_spec(self, name, path=None, target=None):
            if name in hidden:
                raise ModuleNotFoundError(f"No module named {name!r}", name=name)

    sys.meta_path.insert(0, Hidden())


main(*sys.argv[1:])
