# Chromium, driven from the machine that it runs on, and the server of the pages that it shows.
import contextlib
import http.server
import os
import pathlib
import shutil
import sys
import threading

sys.path.append("/tools")

# How long one step may take is the container's matter.
FOREVER = 7 * 24 * 3600


def chromium(flags=()):
    from selenium.webdriver import Chrome, ChromeOptions, ChromeService

    options = ChromeOptions()
    options.binary_location = "/usr/lib/chromium/chromium"
    # The container is the sandbox, and has neither a graphics card nor a large /dev/shm.
    for flag in ("--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", *flags):
        options.add_argument(flag)
    driver = Chrome(options=options, service=ChromeService("/usr/bin/chromedriver"))
    driver.set_script_timeout(FOREVER)
    return driver


def lay_out(dist, names, archives):
    """Puts below wasmill/, beside the runtime, what pages load of ours: an empty page, files, and folders as archives by name."""
    here, ours = pathlib.Path(__file__).parent, dist / "wasmill"
    ours.mkdir()
    (ours / "page.html").write_text("<!doctype html><title>wasmill</title>")
    for name in names:
        shutil.copy(here / name, ours)
    for name, folder in archives.items():
        shutil.make_archive(ours / name, "zip", folder)


class Pages:
    """Chromium with a page for each call of a module's function."""

    def __init__(self, address):
        self.address = address
        self.driver = None

    def call(self, module, function, *arguments):
        """Gives what the function's promise came to; RuntimeError says why there is nothing."""
        from selenium.common.exceptions import WebDriverException

        if self.driver is None:
            self.driver = chromium()
        try:
            before = self.driver.current_window_handle
            self.driver.switch_to.new_window("tab")
            after = self.driver.current_window_handle
            self.driver.switch_to.window(before)
            self.driver.close()
            self.driver.switch_to.window(after)
            self.driver.get(self.address + "/wasmill/page.html")
            return self.driver.execute_async_script(CALL, module, function, arguments)
        except WebDriverException as error:
            self.quit()
            raise RuntimeError(error.msg.splitlines()[0]) from None

    def version(self):
        if self.driver is None:
            self.driver = chromium()
        return self.driver.capabilities["browserVersion"]

    def quit(self):
        if self.driver is not None:
            with contextlib.suppress(Exception):
                self.driver.quit()
        self.driver = None


CALL = """
const done = arguments[arguments.length - 1];
import(arguments[0]).then((module) => module[arguments[1]](...arguments[2])).then(done, (error) => done("died: " + error));
"""


@contextlib.contextmanager
def served(folder, posted):
    """Serves a folder; what pages post goes to the functions in posted, by path. Gives the address."""

    class Handler(http.server.SimpleHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def __init__(self, *args):
            super().__init__(*args, directory=folder)

        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            posted[self.path](body)
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()


def printed(body):
    while body:
        body = body[os.write(1, body) :]
