// A client of an index, under node (client.mjs) and in a page (clientpage.mjs).

// What micropip installs must come from the index: the lock holds micropip alone, since micropip silently falls back on
// a package of the lock when the index doesn't answer.
export function onlyMicropip(info, file_name, packageBaseUrl) {
  const micropip = {
    name: "micropip", version: file_name.split("-")[1], file_name, install_dir: "site", sha256: "00",
    package_type: "package", imports: ["micropip"], depends: [],
  };
  return { lockFileContents: { info, packages: { micropip } }, packageBaseUrl };
}

// Installs what the job says, and reports what became of it. begin gives an interpreter, with packaging in /opt/pytest, which
// says what platform this is; code is install.py.
export async function install(client, job, begin, code) {
  const report = { client, installed: [], tag: "", error: "" };
  try {
    const py = await begin();
    const trouble = [];
    // micropip itself is no part of the index: it comes from the image.
    const options = { errorCallback: (text) => trouble.push(text), checkIntegrity: job.lock !== "" };
    await py.loadPackage(job.lock ? job.names : ["micropip"], options);
    if (trouble.length) throw new Error(trouble.join("; "));
    py.globals.set("job_json", JSON.stringify(job));
    Object.assign(report, JSON.parse(await py.runPythonAsync(code)));
  } catch (error) {
    const text = String(error?.message ?? error).trim();
    report.error = text.split("\n").pop().slice(0, 2000);
    console.log(text.slice(0, 8000));
  }
  return report;
}
