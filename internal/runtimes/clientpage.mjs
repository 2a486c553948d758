// Runs in a page of Chromium as a client of an index, called by client.py.
import { loadPyodide, version } from "/pyodide.mjs";
import { install, onlyMicropip } from "./installation.mjs";

console.log = console.info = console.warn = console.error = (...words) => {
  fetch("/printed", { method: "POST", body: words.join(" ") + "\n", keepalive: true });
};

// The files of the lock, and their hashes, are the browser's affair.
export async function client(browser, job, micropip) {
  const { info } = await (await fetch("/pyodide-lock.json")).json();
  const begin = async () => {
    const py = await loadPyodide(job.lock ? { lockFileURL: job.lock } : onlyMicropip(info, micropip, location.origin + "/"));
    const bytes = await (await fetch("/wasmill/pytest.zip")).arrayBuffer();
    py.unpackArchive(bytes, "zip", { extractDir: "/opt/pytest" });
    return py;
  };
  const code = await (await fetch("/wasmill/install.py")).text();
  return install(`pyodide ${version}, Chromium ${browser}`, job, begin, code);
}
