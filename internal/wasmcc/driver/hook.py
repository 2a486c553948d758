"""Runs hooks of one source tree's build backend (PEP 517), in the current folder.

    python -P hook.py REQUEST ANSWER

REQUEST is JSON: {"hook": "static" | "requires" | "wheel", "settings": {...}, "dist": folder, "meson_cross_file": file, "jobs": number}.
ANSWER gets {"requires": [...]} or {"wheel": file name, "modules": [dotted names], "optional": [some of them]}.
"""

import importlib
import importlib.metadata
import json
import os
import re
import sys
import tempfile
import threading
import tomllib

LEGACY = {"requires": ["setuptools >= 40.8.0"], "build-backend": "setuptools.build_meta:__legacy__"}


class Counted:
    """Names of temporary files by number. Backends build in temporary folders, whose random names would get into what is built (a
    .pc file, a path in an assertion) and make every build another one."""

    def __init__(self):
        self.n = 0

    def __iter__(self):
        return self

    def __next__(self):
        self.n += 1
        return f"{self.n:08}"


def build_system():
    """The build-system table; its defaults are those of PEP 517 and PEP 518."""
    try:
        with open("pyproject.toml", "rb") as f:
            table = tomllib.load(f).get("build-system", LEGACY)
    except FileNotFoundError:
        return LEGACY
    if "requires" not in table:
        sys.exit("pyproject.toml: build-system has no requires (PEP 518 demands it)")
    return LEGACY | table


def load(table):
    here = os.getcwd()
    sys.path[:0] = [os.path.join(here, p) for p in table.get("backend-path", [])]
    module, _, attributes = table["build-backend"].partition(":")
    backend = importlib.import_module(module)
    for name in filter(None, attributes.split(".")):
        backend = getattr(backend, name)
    return backend


def watch_setuptools(modules):
    """Notes the extension modules that setuptools sets out to build, be it that they fail and the package goes on, and which it calls optional."""
    from setuptools.command.build_ext import build_ext

    run = build_ext.run

    def noting(self):
        modules.update((self.get_ext_fullname(e.name), bool(e.optional)) for e in self.extensions or ())
        return run(self)

    build_ext.run = noting


def compile_in_parallel(jobs):
    """Lets setuptools compile the sources of an extension at the same time, and the extensions of a package too. Objects and their order
    in links stay the same. Who has put something of their own in the place of setuptools' methods is left alone, and so are extensions
    that share sources: each would write the same object."""
    from concurrent.futures import ThreadPoolExecutor

    from setuptools.command.build_ext import build_ext
    from setuptools._distutils import ccompiler

    base = ccompiler.CCompiler
    serial = base.compile
    at_once = threading.Semaphore(jobs)

    def compile_all(self, sources, output_dir=None, macros=None, include_dirs=None, debug=False, extra_preargs=None, extra_postargs=None, depends=None):
        if "_compile" in vars(self):
            return serial(self, sources, output_dir, macros, include_dirs, debug, extra_preargs, extra_postargs, depends)
        macros, objects, postargs, options, build = self._setup_compile(output_dir, macros, include_dirs, sources, depends, extra_postargs)
        flags = self._get_cc_args(options, debug, extra_preargs)

        def one(target):
            if target in build:
                with at_once:
                    self._compile(target, *build[target], flags, postargs, options)

        with ThreadPoolExecutor(jobs) as pool:
            list(pool.map(one, objects))
        return objects

    stock = build_ext.build_extensions

    def build_extensions(self):
        sources = [os.path.normpath(s) for e in self.extensions for s in e.sources]
        own = type(self).build_extension.__module__.partition(".")[0] not in ("setuptools", "distutils")
        if self.parallel is None and not own and len(sources) == len(set(sources)):
            self.parallel = jobs
        return stock(self)

    base.compile = compile_all
    build_ext.build_extensions = build_extensions


def missing(requirements):
    """Without the bare names of what is installed: the environment has them already."""
    have = {re.sub(r"[-_.]+", "-", d.name).lower() for d in importlib.metadata.distributions()}
    return [r for r in requirements if re.sub(r"[-_.]+", "-", r.strip()).lower() not in have]


def main(request):
    table = build_system()
    if request["hook"] == "static":
        return {"requires": table["requires"]}
    backend = load(table)
    settings = request["settings"] or None
    if request["hook"] == "requires":
        # The hook is optional; without it there are no further requirements.
        ask = getattr(backend, "get_requires_for_build_wheel", lambda settings: [])
        return {"requires": missing(ask(settings))}
    modules = {}
    if "setuptools" in sys.modules:
        watch_setuptools(modules)
        if request["jobs"] > 1:
            compile_in_parallel(request["jobs"])
    if table["build-backend"].partition(":")[0] == "mesonpy":
        # A project may bring its own meson, which is not found on PATH and so not wrapped.
        settings = dict(settings or {})
        given = settings.get("setup-args", [])
        given = [given] if isinstance(given, str) else given
        if not any(a.startswith("--cross-file") for a in given):
            settings["setup-args"] = ["--cross-file=" + request["meson_cross_file"], *given]
    return {"wheel": backend.build_wheel(request["dist"], settings), "modules": sorted(modules), "optional": sorted(m for m in modules if modules[m])}


tempfile._name_sequence = Counted()
# setuptools leaves its own words in sys.argv.
_, ask, reply = sys.argv
with open(ask) as f:
    answer = main(json.load(f))
with open(reply, "w") as f:
    json.dump(answer, f)
