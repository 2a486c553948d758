// Runs inside the Runtime image as a client of an index: node client.mjs. /job/client.json says what to install and
// how; /out/report.json says what became of it.
import { createHash } from "node:crypto";
import fs from "node:fs";
import { loadPyodide, version } from "/opt/pyodide/pyodide.mjs";
import { install, onlyMicropip } from "./installation.mjs";

const json = (name) => JSON.parse(fs.readFileSync(name, "utf8"));
const job = json("/job/client.json");
console.warn = console.error = console.log; // one stream keeps the order

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

async function begin() {
  let settings;
  if (job.lock) {
    settings = await served(job.lock, job.names);
  } else {
    const micropip = fs.readdirSync("/opt/micropip").find((name) => name.startsWith("micropip-"));
    settings = onlyMicropip(json("/opt/pyodide/pyodide-lock.json").info, micropip, "/opt/micropip/");
  }
  const py = await loadPyodide(settings);
  py.FS.mkdirTree("/opt/pytest");
  py.FS.mount(py.FS.filesystems.NODEFS, { root: "/opt/pytest" }, "/opt/pytest");
  return py;
}

const code = fs.readFileSync("/job/install.py", "utf8");
const report = await install(`pyodide ${version}, node ${process.version}`, job, begin, code);
fs.writeFileSync("/out/report.json", JSON.stringify(report));
process.exit(0);
