// What the programs that hold a runtime share, under node (run.mjs) and in a page (page.mjs).

// The runtime's source is one line of 1.3 MB, which stack traces and uncaught errors quote.
export const brief = (text) => (text.length > 4000 ? text.slice(0, 4000) + " …" : text);

export function message(error) {
  if (error?.name === "PythonError") return brief(error.message.trim().split("\n").pop());
  return brief(String(error).replace(/^Error: /, "").trim());
}

export const files = { pyodide: "/opt/pyodide/", pytest: "/opt/pytest" };

// The stack that C code uses lies in memory, below what is in use: it is painted, and where the paint is gone it was used.
const paint = 0xa5;

export function paintStack(module) {
  module.HEAPU8.fill(paint, module._emscripten_stack_get_end(), module._emscripten_stack_get_current() - 1024);
}

export function needs(module) {
  const [base, end] = [module._emscripten_stack_get_base(), module._emscripten_stack_get_end()];
  let untouched = end;
  while (untouched < base && module.HEAPU8[untouched] === paint) untouched++;
  return { event: "needs", memory: module.HEAP8.length, stack: base - untouched, stack_limit: base - end };
}
