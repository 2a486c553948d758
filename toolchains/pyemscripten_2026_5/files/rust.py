"""Makes what Rust needs beyond Debian's packages: the standard library for the target, and a rustup that says so.

    python3 /files/rust.py

Runs once, inside the staged image of the extension, without network. Debian's compiler knows wasm32-unknown-emscripten but has
no library for it; its sources are in the staged image only. Their own dependencies are vendored beside them. The library is
compiled as builds compile crates: position independent, panic=abort, with bitcode for profiles that ask for link-time
optimisation. What it writes depends on its inputs only: paths in it are mapped to Rust's usual ones.
"""

import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

IN, FILES, OUT = map(pathlib.Path, ("/in", "/files", "/out"))
SPEC = json.loads((IN / "spec.json").read_text())
TARGET = "wasm32-unknown-emscripten"
WORK = pathlib.Path("/tmp/std")


def step(name):
    # The baker reads these lines as its progress.
    print(f"==> {name}", flush=True)


def run(*argv, **env):
    done = subprocess.run(argv, env=os.environ | env, capture_output=True, text=True, cwd=WORK)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, argv))} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout


def facts():
    """Holds what the spec says of Rust to what Debian's compiler says of itself."""
    found = re.search(r"^release: (\S+)$", run("rustc", "-vV"), re.M)[1]
    want = SPEC["extension"]["env"]["RUST_TOOLCHAIN"]
    if found != want:
        sys.exit(f"rustc says it is {found}, RUST_TOOLCHAIN in the spec is {want}")
    return found


def standard_library(version):
    [library] = pathlib.Path("/usr/src").glob(f"rustc-{version}*/library")
    (WORK / "src").mkdir()
    (WORK / "src" / "lib.rs").write_text("")
    (WORK / "Cargo.toml").write_text('[package]\nname = "nothing"\nversion = "0.0.0"\nedition = "2021"\n')
    flags = ["-Cpanic=abort", "-Crelocation-model=pic", "-Cembed-bitcode=yes"]
    # Cargo knows the sources by rustc's link to them, their dependencies by the real place.
    flags += [f"--remap-path-prefix={place}=/rustc/library" for place in ("/usr/lib/rustlib/src/rust/library", library)]
    run("cargo", "build", "--release", "--offline", "--target", TARGET, "-Zbuild-std=std,panic_abort", "-Zbuild-std-features=",
        "--config", 'source.crates-io.replace-with="vendored"', "--config", f'source.vendored.directory="{library}/vendor"',
        # The library's own profile keeps debug information of lines, which no wheel does.
        RUSTC_BOOTSTRAP="1", CARGO_HOME=str(WORK / "home"), RUSTFLAGS=" ".join(flags), CARGO_PROFILE_RELEASE_DEBUG="0",
        CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_LINKER="/usr/bin/x86_64-linux-gnu-gcc")
    to = OUT / "usr/lib/rustlib" / TARGET / "lib"
    to.mkdir(parents=True)
    for rlib in sorted((WORK / "target" / TARGET / "release" / "deps").glob("*.rlib")):
        if not rlib.name.startswith("libnothing-"):
            shutil.copyfile(rlib, to / rlib.name)
    names = {rlib.name.split("-")[0] for rlib in to.iterdir()}
    if missing := {"libstd", "libcore", "liballoc", "libpanic_abort", "libcompiler_builtins"} - names:
        sys.exit(f"the library lacks {sorted(missing)}, it has {sorted(names)}")


def programs():
    rustup = OUT / "usr/bin/rustup"
    rustup.parent.mkdir(parents=True)
    rustup.write_text((FILES / "rustup.sh").read_text())
    rustup.chmod(0o755)


def main():
    WORK.mkdir()
    os.environ |= {"HOME": "/tmp"}
    step("Rust's standard library")
    standard_library(facts())
    step("rustup")
    programs()


main()
