// What node and a page do alike: asks the engine, then Pyodide. The answers are those of world.Runtime.
export const brief = (error) => String(error?.message ?? error).trim().split("\n").pop().replace(/^Error: /, "").slice(0, 300);

export const bytes = (base64) => Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));

// A module of a size that holds nothing but a section without a name.
function padded(size) {
  const module = new Uint8Array(size);
  module.set([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 0]);
  for (let i = 0, length = size - 14; i < 5; i++, length = Math.floor(length / 128)) module[9 + i] = (length & 0x7f) | (i < 4 ? 0x80 : 0);
  return module;
}

export function engine(job) {
  const answers = {};
  for (const p of job.programs.filter((p) => p.name.startsWith("wasm."))) {
    try {
      new WebAssembly.Module(bytes(p.module));
      answers[p.name] = { has: true };
    } catch (error) {
      answers[p.name] = { has: false, why: brief(error) };
    }
  }
  const compile = (answers["host.synchronous-compile"] = { has: false });
  for (const size of job.sizes) {
    try {
      new WebAssembly.Module(padded(size));
      compile.has = true;
      compile.limit_bytes = size;
    } catch (error) {
      compile.why = brief(error);
    }
  }
  if (!compile.why) delete compile.limit_bytes;
  return answers;
}

export async function pyodide(job, load) {
  const py = await load();
  const answers = {};
  for (const [name, module] of Object.entries(job.side)) py.FS.writeFile(`/tmp/${name}.so`, bytes(module));
  for (const [name, code] of Object.entries(job.python)) {
    try {
      await py.runPythonAsync(code.replaceAll("PORT", job.port));
      answers[name] = { has: true };
    } catch (error) {
      answers[name] = { has: false, why: brief(error) };
    }
  }
  return { answers, version: `pyodide ${py.version}` };
}
