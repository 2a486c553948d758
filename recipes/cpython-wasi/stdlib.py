"""Packs the standard library into one archive that the interpreter imports from.

    python stdlib.py LIB SYSCONFIGDATA ZIP

Each module is there twice, as source for tracebacks and as byte code, which no time of a file decides about (unchecked hashes). Nothing
is compressed, so that an import costs no unpacking. The same sources give the same archive.
"""

import pathlib
import py_compile
import sys
import tempfile
import zipfile

# What cannot work without windows, processes or an installer, and tests.
LEFT_OUT = {"__pycache__", "ensurepip", "idlelib", "test", "tests", "tkinter", "turtledemo", "venv", "turtle.py", "_ios_support.py", "_android_support.py", "_pyrepl"}
RUN_FROM = "/usr/local/lib/python313.zip"


def files(root):
    for path in sorted(root.rglob("*.py")):
        name = path.relative_to(root)
        if not LEFT_OUT.intersection(name.parts):
            yield str(name), path


def main(lib, sysconfigdata, archive):
    with tempfile.TemporaryDirectory() as scratch, zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as out:
        compiled = pathlib.Path(scratch, "module.pyc")
        for name, path in [*files(pathlib.Path(lib)), *files(pathlib.Path(sysconfigdata))]:
            py_compile.compile(
                str(path), cfile=str(compiled), dfile=f"{RUN_FROM}/{name}", doraise=True, invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH
            )
            for member, content in ((name, path.read_bytes()), (name + "c", compiled.read_bytes())):
                info = zipfile.ZipInfo(member, (1980, 1, 1, 0, 0, 0))
                info.external_attr = 0o644 << 16
                out.writestr(info, content)


main(*sys.argv[1:])
