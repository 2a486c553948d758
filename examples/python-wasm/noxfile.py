"""`nox` runs the tests under WebAssembly."""

import os

import nox


@nox.session(python=os.environ.get("PYTHON_WASM", "python-wasm"), venv_backend="uv")
def wasm(session):
    session.install("pytest", ".")
    session.run("python", "-m", "pytest", *session.posargs)
