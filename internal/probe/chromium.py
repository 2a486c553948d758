# python chromium.py FOLDER: probes headless Chromium and Pyodide in its page. The folder holds job.json and gets result.json. Runs on
# a machine or in a container without network alike.
import http.server
import json
import pathlib
import shutil
import socket
import subprocess
import sys
import tempfile
import threading

folder = pathlib.Path(sys.argv[1])
job = json.loads((folder / "job.json").read_text())
done = threading.Event()

PAGE = b"""<!DOCTYPE html><script type="module">
import { engine, pyodide } from "./engine.mjs";
let result;
try {
  const job = await (await fetch("job.json")).json();
  const { loadPyodide } = await import("./pyodide/pyodide.mjs");
  const found = await pyodide(job, () => loadPyodide({ indexURL: new URL("pyodide/", location).href, stdout() {}, stderr() {} }));
  result = { answers: { ...engine(job), ...found.answers }, versions: [found.version] };
} catch (error) {
  result = { error: String(error) };
}
await fetch("result", { method: "POST", body: JSON.stringify(result) });
</script>"""


class Handler(http.server.SimpleHTTPRequestHandler):
    extensions_map = {**http.server.SimpleHTTPRequestHandler.extensions_map, ".mjs": "text/javascript", ".wasm": "application/wasm"}

    def __init__(self, *args):
        super().__init__(*args, directory=folder)

    def log_message(self, *args):
        pass

    def translate_path(self, path):
        if path.startswith("/pyodide/"):
            return job["pyodide"] + "/" + path.removeprefix("/pyodide/")
        if path == "/job.json":
            return str(folder / "served.json")
        return super().translate_path(path)

    def do_GET(self):
        if self.path != "/":
            return super().do_GET()
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(PAGE)

    def do_POST(self):
        result = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        result.setdefault("versions", []).insert(0, version)
        (folder / "result.json").write_text(json.dumps(result))
        self.send_response(204)
        self.end_headers()
        done.set()


def greet(listener):
    while True:
        connection, _ = listener.accept()
        connection.sendall(b"hello")
        connection.close()


chromium = job["chromium"] or shutil.which("chromium")
version = subprocess.run([chromium, "--version"], capture_output=True, text=True, check=True).stdout.split(" built")[0].strip()
listener = socket.create_server(("127.0.0.1", 0))
threading.Thread(target=greet, args=(listener,), daemon=True).start()
(folder / "served.json").write_text(json.dumps({**job, "port": str(listener.getsockname()[1])}))
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
with tempfile.TemporaryDirectory() as profile:
    browser = subprocess.Popen(
        [chromium, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", f"--user-data-dir={profile}", f"http://127.0.0.1:{server.server_port}/"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        if not done.wait(120):
            sys.exit("the page said nothing for two minutes")
    finally:
        browser.kill()
        browser.wait()
        shutil.rmtree(profile, ignore_errors=True)
