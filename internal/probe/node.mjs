// node node.mjs JOB RESULT: probes WASI, or with a folder of Pyodide the engine and Pyodide.
import fs from "node:fs";
import { WASI } from "node:wasi";
import { brief, bytes, engine, pyodide } from "./engine.mjs";

const job = JSON.parse(fs.readFileSync(process.argv[2], "utf8"));

function close(fd) {
  try {
    fs.closeSync(fd);
  } catch {} // the program may have done it
}

function run(p) {
  const stdin = fs.openSync(job.stdin), stdout = fs.openSync(job.stdout, "w");
  try {
    const env = Object.fromEntries(job.env.map((e) => e.split("=")));
    const wasi = new WASI({ version: "preview1", args: job.args, env, preopens: { "/": job.folder }, stdin, stdout, stderr: stdout, returnOnExit: true });
    const status = wasi.start(new WebAssembly.Instance(new WebAssembly.Module(bytes(p.module)), wasi.getImportObject()));
    return { status: status >>> 0, stdout: fs.readFileSync(job.stdout, "latin1") };
  } catch (error) {
    return { error: brief(error) };
  } finally {
    close(stdin);
    close(stdout);
  }
}

const result = { versions: [`node ${process.version}`] };
if (job.pyodide) {
  const { loadPyodide } = await import(`${job.pyodide}/pyodide.mjs`);
  const found = await pyodide(job, () => loadPyodide({ stdout() {}, stderr() {} }));
  result.answers = { ...engine(job), ...found.answers };
  result.versions.push(found.version);
} else {
  result.programs = job.programs.map(run);
}
fs.writeFileSync(process.argv[3], JSON.stringify(result));
process.exit(0);
