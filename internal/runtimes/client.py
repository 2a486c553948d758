# Runs natively, in the image with Chromium, as a client of an index: python3 client.py. /job/client.json says what to
# install and how; /out/report.json says what became of it.
import json
import pathlib
import shutil

import browser

here = pathlib.Path(__file__).parent
job = json.loads((here / "client.json").read_text())
dist = pathlib.Path("/tmp/dist")
shutil.copytree("/opt/pyodide", dist)
[micropip] = pathlib.Path("/opt/micropip").glob("micropip-*.whl")
shutil.copy(micropip, dist)
ours = dist / "wasmill"
ours.mkdir()
(ours / "page.html").write_text(browser.PAGE)
for name in ("clientpage.mjs", "installation.mjs", "install.py"):
    shutil.copy(here / name, ours)
shutil.make_archive(ours / "pytest", "zip", "/opt/pytest")

with browser.served(dist, {"/printed": browser.printed}) as address:
    pages = browser.Pages(address)
    try:
        report = pages.call("/wasmill/clientpage.mjs", "client", pages.version(), job, micropip.name)
    finally:
        pages.quit()
if isinstance(report, str):  # how the page died
    raise SystemExit(report)
pathlib.Path("/out/report.json").write_text(json.dumps(report))
