export const fileURLToPath = (url) => new URL(url).pathname;
export const pathToFileURL = (path) => new URL(path, location.origin).href;
