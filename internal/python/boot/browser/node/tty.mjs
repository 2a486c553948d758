import { call } from "./fs.mjs";

// A terminal stays as it is: line by line.
export default { isatty: () => false, known: (fd) => call("isatty", { fd }).size === 1 };
