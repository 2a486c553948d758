# Runs natively, in the image with Chromium, as a client of an index: python3 client.py. /job/client.json says what to
# install and how; /out/report.json says what became of it.
import json
import pathlib
import shutil

import browser

job = json.loads(pathlib.Path("/job/client.json").read_text())
dist = pathlib.Path("/tmp/dist")
shutil.copytree("/opt/pyodide", dist)
[micropip] = pathlib.Path("/opt/micropip").glob("micropip-*.whl")
shutil.copy(micropip, dist)
browser.lay_out(dist, ("clientpage.mjs", "installation.mjs", "install.py"), {"pytest": "/opt/pytest"})

with browser.served(dist, {"/printed": browser.printed}) as address:
    pages = browser.Pages(address)
    try:
        report = pages.call("/wasmill/clientpage.mjs", "client", pages.version(), job, micropip.name)
    finally:
        pages.quit()
if isinstance(report, str):  # how the page died
    raise SystemExit(report)
pathlib.Path("/out/report.json").write_text(json.dumps(report))
