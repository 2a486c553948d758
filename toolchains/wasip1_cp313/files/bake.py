"""Makes /opt/wasmill of the toolchain image. Runs once, inside the staged image, without network.

    python3 /files/bake.py

/in holds the locked inputs and spec.json, /files this folder, /out is the folder that becomes the image's last layer;
/out/opt/wasmill is mounted as /opt/wasmill too, so that every path that gets into a file is the final one. What it writes
depends on its inputs only: no times, no random names. The target's Python is not in it: the farm builds it (facts.interpreter).
"""

import json
import os
import pathlib
import re
import subprocess
import sys
import zipfile

IN, FILES, OUT = map(pathlib.Path, ("/in", "/files", "/out"))
ROOT = pathlib.Path("/opt/wasmill")
SPEC = json.loads((IN / "spec.json").read_text())
LLVM = pathlib.Path("/usr/lib/llvm-19/bin")
LIBRARIES = pathlib.Path("/usr/lib/wasm32-wasi")

# What a program of this target is linked with beside what it names: each of these emulates a part of POSIX that WASI lacks, and
# wasi-libc's headers hide it unless a macro says that it is wanted. CPython's configure asks for the first three.
EMULATED = ["signal", "getpid", "process-clocks", "mman"]


def step(name):
    # The baker reads these lines as its progress.
    print(f"==> {name}", flush=True)


def run(*argv, **env):
    done = subprocess.run(argv, env=os.environ | env, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, argv))} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout + done.stderr


def write(path, text, mode=0o644):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)


def static_files():
    for source, target in {
        "meson-cross.ini": "etc/meson-cross.ini",
        "toolchain.cmake": "etc/toolchain.cmake",
        "WASI.cmake": "etc/cmake/Platform/WASI.cmake",
        "run.py": "bin/run",
    }.items():
        write(ROOT / target, (FILES / source).read_text(), 0o755 if target.startswith("bin/") else 0o644)
    write(ROOT / "bin" / "wasmcc", "", 0o755)  # a place to mount the worker's wrapper on
    for name in SPEC["cross"]:
        link = ROOT / "cross" / name
        link.parent.mkdir(exist_ok=True)
        link.symlink_to("../bin/wasmcc")
    # Recipes of libraries call Emscripten's names; here they stand for this target's compiler.
    for name, tool in {"emcc": "cc", "em++": "c++", "emar": "ar", "emranlib": "ranlib", "emnm": "nm"}.items():
        write(ROOT / "compat" / name, f'#!/bin/sh\nexec {ROOT}/cross/{tool} "$@"\n', 0o755)
    for name in ("emconfigure", "emcmake", "emmake"):
        write(ROOT / "compat" / name, (FILES / "with-target.sh").read_text(), 0o755)


def sysroot():
    """The target's headers and libraries alone: without a sysroot clang looks into the machine's own /usr/include after them."""
    for folder, at in (("include", "/usr/include/wasm32-wasi"), ("lib", str(LIBRARIES))):
        link = ROOT / "sysroot" / folder / SPEC["facts"]["target"]
        link.parent.mkdir(parents=True)
        link.symlink_to(at)


def tools():
    [wheel] = IN.glob("uv-*.whl")
    with zipfile.ZipFile(wheel) as z:
        [name] = [n for n in z.namelist() if n.endswith(".data/scripts/uv")]
        uv = ROOT / "bin" / "uv"
        uv.write_bytes(z.read(name))
        uv.chmod(0o755)
    [wheel] = IN.glob("wasmtime-*.whl")
    with zipfile.ZipFile(wheel) as z:
        z.extractall(ROOT / "wasmtime")


def native_names():
    """The names of the machine's own tools, for programs that a build makes and runs itself, and of generators.

    Debian gives some of them by maintainer scripts (alternatives); the compiler and the binary tools are LLVM's, which are
    here anyway. A build for the target has the wrapper's folder in front of these on PATH.
    """
    names = {name: "clang" for name in ("cc", "gcc")} | {name: "clang++" for name in ("c++", "g++")}
    names |= {name: f"llvm-{name}" for name in ("ar", "nm", "objcopy", "objdump", "ranlib", "readelf", "strip")}
    names |= {"ld": "lld"}
    names |= {f"x86_64-linux-gnu-{name}": tool for name, tool in names.items()}
    names |= {f"x86_64-linux-gnu-gcc-{name}": f"llvm-{name}" for name in ("ar", "nm", "ranlib")}
    links = {f"usr/bin/{name}": LLVM / tool for name, tool in names.items()}
    # clang looks for a linker beside itself first, whatever is on PATH: the wrapper's ld is for the target.
    links["usr/lib/llvm-19/bin/ld"] = LLVM / "lld"
    alternatives = {"aclocal": "aclocal-1.17", "automake": "automake-1.17", "which": "which.debianutils", "yacc": "bison.yacc"}
    links |= {f"usr/bin/{name}": pathlib.Path("/usr/bin", tool) for name, tool in alternatives.items()}
    for name, target in sorted(links.items()):
        link = OUT / name
        if not target.exists() or pathlib.Path("/", name).exists():
            sys.exit(f"/{name} cannot be a link to {target}: that is not there, or the name is taken")
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(os.path.relpath(target, pathlib.Path("/", name).parent))


def symbols():
    """What the system's libraries define: what a package wants beyond these and Python's own, no link will find."""
    libraries = [LIBRARIES / f"lib{name}.a" for name in ("c", "c++", "c++abi", *(f"wasi-emulated-{e}" for e in EMULATED))]
    libraries += pathlib.Path("/usr/lib/llvm-19/lib/clang/19/lib").rglob("libclang_rt.builtins*wasm32*.a")
    functions, data = {}, {}
    for library in libraries:
        for line in run(LLVM / "llvm-nm", "--defined-only", "--extern-only", "--no-sort", "--format=posix", library).splitlines():
            words = line.split()
            if len(words) >= 3 and words[1] in "TWtw":
                functions[words[0]] = ""
            elif len(words) >= 3:
                data[words[0]] = True
    for needed in ("malloc", "printf", "setlocale", "__cxa_atexit", "_ZNSt3__212basic_stringIcNS_11char_traitsIcEENS_9allocatorIcEEE6appendEPKcm"):
        if needed not in functions:
            sys.exit(f"the system's libraries do not define {needed}")
    write(ROOT / "etc" / "abi.json", json.dumps({"functions": functions, "tags": {}, "data": data, "script": {}}, sort_keys=True) + "\n")


def facts():
    target = SPEC["facts"]["target"]
    flags = [f"--target={target}", f"--sysroot={ROOT}/sysroot", *(f"-D_WASI_EMULATED_{e.upper().replace('-', '_')}" for e in EMULATED)]
    out = {"name": SPEC["name"]} | SPEC["facts"]
    out["llvm"] = str(LLVM)
    # libc++ is built without exceptions. With them, each vector of a package would want __cxa_throw; without, what throws itself is
    # told by the compiler, with its place.
    out["clang_flags"], out["clangxx_flags"] = flags, [*flags, "-fno-exceptions"]
    out["link_flags"] = [f"-lwasi-emulated-{e}" for e in EMULATED]
    out["exclude_newer"] = SPEC["exclude_newer"]
    out["env"] = SPEC["env"]
    write(ROOT / "etc" / "toolchain.json", json.dumps(out, indent=2, sort_keys=True) + "\n")


def check():
    """A program in C and one in C++ compile, link and run: the compiler finds its headers, its libraries and itself."""
    facts = json.loads((ROOT / "etc" / "toolchain.json").read_text())
    for compiler, suffix, text in (
        ("clang", "c", '#include <stdio.h>\n#include <signal.h>\nint main(void) { puts("it runs"); return 0; }\n'),
        ("clang++", "cpp", '#include <string>\n#include <cstdio>\nint main() { std::string s = "it"; s.append(" runs"); std::puts(s.c_str()); }\n'),
    ):
        source, program = pathlib.Path(f"/tmp/probe.{suffix}"), f"/tmp/probe-{suffix}.wasm"
        source.write_text(text)
        run(LLVM / compiler, *facts[f"{compiler.replace('+', 'x')}_flags"], "-O2", source, "-o", program, *facts["link_flags"])
        said = run(ROOT / "bin" / "run", program)
        if "it runs" not in said:
            sys.exit(f"a program for the target says {said!r}")
    version = re.search(r"clang version (\S+)", run(LLVM / "clang", "--version"))[1]
    if version not in SPEC["facts"]["compiler"]:
        sys.exit(f"clang says it is {version}, the spec says {SPEC['facts']['compiler']}")
    python = ".".join(map(str, sys.version_info[:2]))
    if python != SPEC["facts"]["python"]:
        sys.exit(f"the native Python is {python}, the spec says {SPEC['facts']['python']}")


def byte_code():
    """Python byte code beside its sources: the root is read-only later.

    Unchecked hashes: nothing looks at a source's time, and nothing in the image changes.
    """
    prefix = OUT / "pycache"
    subprocess.run(
        [sys.executable, "-m", "compileall", "-qq", "--invalidation-mode", "unchecked-hash", "/usr/lib/python3.13", "/opt/wasmill/wasmtime"],
        env=os.environ | {"PYTHONPYCACHEPREFIX": str(prefix), "PYTHONHASHSEED": "0"},
    )  # a status other than 0 means files that are not Python 3, such as lib2to3's tests: they have no byte code
    for pyc in sorted(prefix.rglob("*.pyc")):
        to = OUT / pyc.parent.relative_to(prefix) / "__pycache__" / pyc.name
        to.parent.mkdir(parents=True, exist_ok=True)
        pyc.rename(to)
        for folder in pyc.parents:
            if folder == prefix or any(folder.iterdir()):
                break
            folder.rmdir()
    if prefix.exists():
        prefix.rmdir()


def main():
    os.environ |= (SPEC["env"] or {}) | {"HOME": "/tmp", "PYTHONDONTWRITEBYTECODE": "1"}
    for name, make in (
        ("static files", static_files),
        ("sysroot", sysroot),
        ("tools", tools),
        ("native names", native_names),
        ("symbols of the system's libraries", symbols),
        ("facts", facts),
        ("check", check),
        ("byte code", byte_code),
    ):
        step(name)
        make()


main()
