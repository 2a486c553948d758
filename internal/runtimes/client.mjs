// Runs inside the Runtime image as a client of an index: node client.mjs. /job/client.json says what to install and
// how; /out/report.json says what became of it.
import { createHash } from "node:crypto";
import fs from "node:fs";
import { loadPyodide, version } from "/opt/pyodide/pyodide.mjs";

const job = JSON.parse(fs.readFileSync("/job/client.json", "utf8"));
console.warn = console.error = console.log; // one stream keeps the order

// What micropip installs must come from the index: the lock holds micropip alone, since micropip silently falls back on
// a package of the lock when the index doesn't answer.
function onlyMicropip() {
  const file_name = fs.readdirSync("/opt/micropip").find((name) => name.startsWith("micropip-"));
  const { info } = JSON.parse(fs.readFileSync("/opt/pyodide/pyodide-lock.json", "utf8"));
  const micropip = {
    name: "micropip", version: file_name.split("-")[1], file_name, install_dir: "site", sha256: "00",
    package_type: "package", imports: ["micropip"], depends: [],
  };
  return { lockFileContents: { info, packages: { micropip } }, packageBaseUrl: "/opt/micropip/" };
}

// Under node, loadPackage reads files of a folder and checks no hashes, so what is asked for is downloaded first.
async function served(url, names) {
  const lock = JSON.parse(await download(url));
  fs.mkdirSync("/tmp/wheels");
  const wanted = [...names];
  for (const name of wanted) {
    const entry = lock.packages[name];
    if (!entry) throw new Error(`${name} is not in ${url}`);
    wanted.push(...entry.depends.filter((d) => !wanted.includes(d)));
    const from = new URL(entry.file_name, url);
    const bytes = await download(from);
    if (createHash("sha256").update(bytes).digest("hex") !== entry.sha256) throw new Error(`${from}: wrong sha256`);
    entry.file_name = from.pathname.split("/").pop();
    fs.writeFileSync("/tmp/wheels/" + entry.file_name, bytes);
  }
  return { lockFileContents: lock, packageBaseUrl: "/tmp/wheels/" };
}

async function download(url) {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url}: ${response.status} ${response.statusText}`);
  return Buffer.from(await response.arrayBuffer());
}

async function load(py, names) {
  const trouble = [];
  await py.loadPackage(names, { errorCallback: (text) => trouble.push(text) });
  if (trouble.length) throw new Error(trouble.join("; "));
}

const report = { client: `pyodide ${version}, node ${process.version}`, installed: [], tag: "", error: "" };
try {
  const py = await loadPyodide(job.lock ? await served(job.lock, job.names) : onlyMicropip());
  await load(py, job.lock ? job.names : ["micropip"]);
  py.FS.mkdirTree("/opt/pytest"); // holds packaging, which says what platform this is
  py.FS.mount(py.FS.filesystems.NODEFS, { root: "/opt/pytest" }, "/opt/pytest");
  py.globals.set("job_json", JSON.stringify(job));
  const told = await py.runPythonAsync(`
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
`);
  Object.assign(report, JSON.parse(told));
} catch (error) {
  const text = String(error?.message ?? error).trim();
  report.error = text.split("\n").pop().slice(0, 2000);
  console.log(text.slice(0, 8000));
}
fs.writeFileSync("/out/report.json", JSON.stringify(report));
process.exit(0);
