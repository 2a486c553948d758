# Runs inside the interpreter of a client of an index, which has set job_json. Evaluates to what is installed, as JSON.
import importlib, importlib.metadata, json, sys

job = json.loads(job_json)
if not job["lock"]:
    import micropip

    await micropip.install(job["names"], index_urls=[job["index"]])
for name in job["imports"]:
    importlib.import_module(name)
found = [{"name": d.name, "version": d.version} for d in importlib.metadata.distributions()]
sys.path.append("/opt/pytest")
from packaging.tags import sys_tags

json.dumps({"tag": str(next(sys_tags())), "installed": [f for f in found if f["name"] != "micropip"]})
