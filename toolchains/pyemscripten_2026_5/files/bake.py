"""Makes /opt/wasmill of the toolchain image. Runs once, inside the staged image, without network.

    python3 /files/bake.py

/in holds the locked inputs and spec.json, /files this folder, /out is the folder that becomes the image's last layer;
/out/opt/wasmill is mounted as /opt/wasmill too, so that every path that gets into a file is the final one. What it writes
depends on its inputs only: no times, no random names, one process for what is order-dependent.
"""

import concurrent.futures
import io
import json
import os
import pathlib
import re
import runpy
import shutil
import subprocess
import sys
import tarfile
import zipfile

sys.path.insert(0, "/files")
import pyconfig
import syslibs

IN, FILES, OUT = map(pathlib.Path, ("/in", "/files", "/out"))
ROOT = pathlib.Path("/opt/wasmill")
SPEC = json.loads((IN / "spec.json").read_text())
SYSCONFIGDATA = "_sysconfigdata__emscripten_wasm32-emscripten"


def step(name):
    # The baker reads these lines as its progress.
    print(f"==> {name}", flush=True)


def run(*argv, **env):
    done = subprocess.run(argv, env=os.environ | env, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, argv))} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout + done.stderr


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def python_for_target():
    """Headers, sysconfig data and pkg-config files of the Python that the wheels will run on."""
    home, version = ROOT / "python", SPEC["facts"]["python"]
    include = home / "include" / f"python{version}"
    shutil.copytree(f"/usr/include/python{version}", include, symlinks=True)
    with tarfile.open(*IN.glob("pyodide-*.tgz")) as npm:
        stdlib = io.BytesIO(npm.extractfile("package/python_stdlib.zip").read())
    with zipfile.ZipFile(stdlib) as stdlib:
        data = home / "sysconfigdata" / f"{SYSCONFIGDATA}.py"
        # The name of the platform stands in quotes there, which would get into the names of modules for the stable ABI.
        write(data, re.sub(r"""('SOABI_PLATFORM': )'"([^"']*)"'""", r"\1'\2'", stdlib.read(data.name).decode()))
    os.environ["PYODIDE_ROOT"] = str(home)  # the file refers to it; every path in it is Pyodide's build machine's
    values = runpy.run_path(str(data))["build_time_vars"]
    if values["EXT_SUFFIX"] != SPEC["facts"]["ext_suffix"]:
        sys.exit(f"the runtime's EXT_SUFFIX is {values['EXT_SUFFIX']}, the spec says {SPEC['facts']['ext_suffix']}")
    template = pathlib.Path(f"/usr/include/x86_64-linux-gnu/python{version}/pyconfig.h").read_text()
    write(include / "pyconfig.h", pyconfig.generate(template, values))
    for name in (f"python-{version}", f"python-{version}-embed", "python3", "python3-embed"):
        # No Libs: a side module takes its symbols from the main module when it is loaded.
        write(home / "lib" / "pkgconfig" / f"{name}.pc",
              f"prefix={home}\nincludedir=${{prefix}}/include\n\nName: Python\n"
              f"Description: headers of Python {version} for {SPEC['facts']['platform_tag']}\n"
              f"Version: {version}\nCflags: -I${{includedir}}/python{version}\nLibs:\n")


def foreign_functions():
    """libffi's header for the target. The library itself is in the runtime's main module."""
    home, version = ROOT / "python", SPEC["facts"]["python"]
    include = home / "include" / f"python{version}"
    native = pathlib.Path("/usr/include/x86_64-linux-gnu/ffi.h").read_text()
    text, n = re.subn(r"#ifndef X86_64\n#define X86_64\n#endif\n", "", native)
    if n != 1:
        sys.exit("ffi.h does not say which machine it is for where it used to")
    write(include / "ffi.h", text)
    write(include / "ffitarget.h", (FILES / "ffitarget.h").read_text())
    [release] = re.findall(r"^Version: (\S+)$", pathlib.Path("/usr/lib/x86_64-linux-gnu/pkgconfig/libffi.pc").read_text(), re.M)
    write(home / "lib" / "pkgconfig" / "libffi.pc",
          f"prefix={home}\nincludedir=${{prefix}}/include\n\nName: libffi\nDescription: foreign functions, in the runtime's main module\n"
          f"Version: {release}\nCflags: -I${{includedir}}/python{version}\nLibs: -lffi\n")


def static_files():
    for source, target in {
        "emscripten.config": "etc/emscripten.config",
        "meson-cross.ini": "etc/meson-cross.ini",
        "toolchain.cmake": "etc/toolchain.cmake",
        "Emscripten.cmake": "etc/cmake/Platform/Emscripten.cmake",
        "python-config.sh": "python/bin/python3.15-config",
        "run.sh": "bin/run",
    }.items():
        write(ROOT / target, (FILES / source).read_text())
        (ROOT / target).chmod(0o755 if source.endswith(".sh") else 0o644)
    wrapper = ROOT / "bin" / "wasmcc"
    write(wrapper, "")  # a place to mount the worker's wrapper on
    wrapper.chmod(0o755)
    for name in SPEC["cross"]:
        link = ROOT / "cross" / name
        link.parent.mkdir(exist_ok=True)
        link.symlink_to("../bin/wasmcc")
    [wheel] = IN.glob("uv-*.whl")
    with zipfile.ZipFile(wheel) as z:
        [name] = [n for n in z.namelist() if n.endswith(".data/scripts/uv")]
        uv = ROOT / "bin" / "uv"
        uv.write_bytes(z.read(name))
        uv.chmod(0o755)


def native_names():
    """The names of the machine's own tools, for programs that a build makes and runs itself, and of generators.

    Debian gives some of them by maintainer scripts (alternatives); the compiler and the binary tools are LLVM's, which are
    here anyway. A build for the target has the wrapper's folder in front of these on PATH.
    """
    llvm = pathlib.Path("/usr/lib/llvm-21/bin")
    names = {name: "clang" for name in ("cc", "gcc")} | {name: "clang++" for name in ("c++", "g++")}
    names |= {name: f"llvm-{name}" for name in ("ar", "nm", "objcopy", "objdump", "ranlib", "readelf", "strip")}
    names |= {"ld": "lld"}
    names |= {f"x86_64-linux-gnu-{name}": tool for name, tool in names.items()}
    names |= {f"x86_64-linux-gnu-gcc-{name}": f"llvm-{name}" for name in ("ar", "nm", "ranlib")}
    links = {f"usr/bin/{name}": llvm / tool for name, tool in names.items()}
    # clang looks for a linker beside itself first, whatever is on PATH: the wrapper's ld is for the target.
    links["usr/lib/llvm-21/bin/ld"] = llvm / "lld"
    alternatives = {"aclocal": "aclocal-1.19", "automake": "automake-1.19", "which": "which.debianutils", "yacc": "bison.yacc"}
    links |= {f"usr/bin/{name}": pathlib.Path("/usr/bin", tool) for name, tool in alternatives.items()}
    for name, target in sorted(links.items()):
        link = OUT / name
        if not target.exists() or pathlib.Path("/", name).exists():
            sys.exit(f"/{name} cannot be a link to {target}: that is not there, or the name is taken")
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(os.path.relpath(target, pathlib.Path("/", name).parent))


def compiler_cache():
    """Fills the compiler's cache and checks it against the list of what must be in it."""
    run("embuilder", "build", "sysroot")
    work = pathlib.Path("/tmp/probes")
    work.mkdir()
    # emcc locks the cache while it makes a library; side by side, one links while the other compiles.
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for _ in pool.map(lambda argv: run(*argv), syslibs.probes(work)):
            pass
    cache = ROOT / "emcache"
    for waste in ("symbol_lists", "js_output", "build", "cache.lock", "ports"):
        path = cache / waste
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    # Without debug information, which is half of each library and which no link of a check keeps.
    run("llvm-strip-21", "--strip-debug", *sorted(map(str, cache.rglob("*.a"))))
    have = {str(p.relative_to(cache)) for p in (cache / "sysroot" / "lib").rglob("*") if p.is_file()}
    want = set((FILES / "syslibs.txt").read_text().split())
    if have != want:
        sys.exit(f"the compiler's cache differs from syslibs.txt: missing {sorted(want - have)}, not listed {sorted(have - want)}")


def clang_flags(driver, source):
    """The LLVM folder, and what the driver hands clang for a compile with the ABI's flags but none of a user's.

    With the ABI's flags, because they change others: how longjmp and exceptions are lowered (-mllvm …) among them.
    """
    text = run(driver, "-fPIC", "-fwasm-exceptions", "-sSUPPORT_LONGJMP=wasm", "-v", "-c", f"/tmp/probes/{source}", "-o", "/tmp/probes/flags.o")
    line = next(l for l in text.splitlines() if re.match(r'\s*"?/\S*clang', l) and " -c " in l and "-cc1" not in l)
    clang, *argv = [a.strip('"') for a in line.split()]
    given = {"-v", "-c", f"/tmp/probes/{source}", "-o/tmp/probes/flags.o"}
    flags = [arg for arg in argv if arg not in given]
    if any("/tmp" in flag for flag in flags):
        sys.exit(f"the compiler's flags name this run's own files: {flags}")
    return str(pathlib.Path(clang).resolve().parent), flags


def facts():
    versions = run("emcc", "-v")
    found = re.search(r"emcc \(.*?\) (\S+)", versions)[1].split("-")[0]
    if found != SPEC["facts"]["emscripten"]:
        sys.exit(f"emcc says it is {found}, the spec says {SPEC['facts']['emscripten']}")
    out = {"name": SPEC["name"]} | SPEC["facts"]
    out["node"] = run("node", "--version").strip().lstrip("v")
    # llvm is where the wrapper finds clang and llvm-ar by their plain names.
    out["llvm"], out["clang_flags"] = clang_flags("emcc", "c.c")
    _, out["clangxx_flags"] = clang_flags("em++", "cxx.cpp")
    out["exclude_newer"] = SPEC["exclude_newer"]
    out["env"] = SPEC["env"]
    write(ROOT / "etc" / "toolchain.json", json.dumps(out, indent=2, sort_keys=True) + "\n")


def byte_code():
    """Python byte code beside its sources: the root is read-only later, and emcc starts a Python for each link.

    Unchecked hashes: nothing looks at a source's time, and nothing in the image changes.
    """
    places = ["/usr/lib/python3.15", "/usr/share/emscripten", "/opt/wasmill/python/sysconfigdata"]
    prefix = OUT / "pycache"
    for place in places:
        subprocess.run(
            [sys.executable, "-m", "compileall", "-qq", "--invalidation-mode", "unchecked-hash", place],
            env=os.environ | {"PYTHONPYCACHEPREFIX": str(prefix), "PYTHONHASHSEED": "0"},
        )  # a status other than 0 means files that are not Python 3, such as lib2to3's tests: they have no byte code
    for pyc in sorted(prefix.rglob("*.pyc")):
        to = OUT / pyc.parent.relative_to(prefix) / "__pycache__" / pyc.name
        to.parent.mkdir(parents=True, exist_ok=True)
        pyc.rename(to)
    shutil.rmtree(prefix)


def main():
    os.environ |= SPEC["env"] | {"HOME": "/tmp", "EM_FROZEN_CACHE": "0", "PYTHONDONTWRITEBYTECODE": "1"}
    for name, make in (
        ("Python headers", python_for_target),
        ("foreign functions", foreign_functions),
        ("static files", static_files),
        ("native names", native_names),
        ("compiler cache", compiler_cache),
        ("facts", facts),
        ("byte code", byte_code),
    ):
        step(name)
        make()


main()
