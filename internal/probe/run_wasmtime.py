# python run_wasmtime.py JOB RESULT: probes the wasmtime of PyPI.
import base64
import importlib.metadata
import json
import pathlib
import sys

import wasmtime

job = json.loads(pathlib.Path(sys.argv[1]).read_text())
engine = wasmtime.Engine()


def run(program):
    config = wasmtime.WasiConfig()
    config.argv = job["args"]
    config.env = [e.split("=") for e in job["env"]]
    config.stdin_file = job["stdin"]
    config.stdout_file = job["stdout"]
    config.preopen_dir(job["folder"], "/")
    try:
        module = wasmtime.Module(engine, base64.b64decode(program["module"]))
        linker = wasmtime.Linker(engine)
        linker.define_wasi()
        store = wasmtime.Store(engine)
        store.set_wasi(config)
        try:
            linker.instantiate(store, module).exports(store)["_start"](store)
            status = 0
        except wasmtime.ExitTrap as ended:
            status = ended.code & 0xFFFFFFFF
    except Exception as error:
        lines = [line for line in str(error).strip().splitlines() if line.strip()]
        return {"error": (lines[-1] if lines else type(error).__name__)[:300]}
    return {"status": status, "stdout": pathlib.Path(job["stdout"]).read_text("latin1")}


result = {"versions": ["wasmtime " + importlib.metadata.version("wasmtime")], "programs": [run(p) for p in job["programs"]]}
pathlib.Path(sys.argv[2]).write_text(json.dumps(result))
