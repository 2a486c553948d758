"""Prepares the link of an app: writes the sources that hold its files, its table of modules and its entry.

    python3.13 -I link.py APP.JSON

APP.JSON is app.Link of the package internal/app. The sources are written beside this program. What is wrong with the app itself goes as
lines into the file `problems` of the folder `out`; nothing is to be linked then. Whatever else fails ends the build with a traceback. The
same inputs give the same sources.
"""

import ast
import difflib
import importlib.util
import json
import marshal
import os
import pathlib
import subprocess
import sys
import types
import warnings
import zipfile
from importlib._bootstrap_external import _code_to_hash_pyc

HERE = pathlib.Path(__file__).parent
TAG = sys.implementation.cache_tag
# Init functions whose names are not that of the module.
OTHER_INITS = {"PyMarshal_Init": "marshal", "_PyWarnings_Init": "_warnings"}


class Problem(Exception):
    pass


def near(name, names):
    found = difflib.get_close_matches(name, names, 1)
    return f"; did you mean {found[0]}?" if found else ""


def below(name, parent):
    return name == parent or name.startswith(parent + ".")


class App:
    def __init__(self, spec):
        self.spec = spec
        self.lib = f"lib/python{spec['python']}"
        self.site = self.lib + "/site-packages"
        self.root = spec["root"]
        self.problems = []
        self.files = {}  # by place in the app
        self.owner = {}  # of a file: the package that brings it
        self.modules = {}  # name → place of its source, or None
        self.packages = set()  # modules that have others below them
        self.inits = {}  # of the table of built-in modules: name → function, or None
        self.archives = {}  # of those that packages bring: name → file
        self.excluded = sorted(set(spec["exclude"]))
        self.left_out = set()  # modules that were excluded

    def out(self, name):
        return str(HERE / name)

    def tool(self, name, *args, **more):
        return subprocess.run([f"{self.spec['llvm']}/{name}", *args], check=True, **more)

    # What there is

    def module_of(self, place):
        """The module that a file below a folder of sys.path is, and whether it is a package."""
        parts = place[: -len(".py")].split("/")
        if parts[-1] == "__init__":
            return ".".join(parts[:-1]), True
        return ".".join(parts), False

    def excludes(self, module):
        return any(below(module, name) for name in self.excluded)

    def add(self, place, data, owner):
        if place in self.files:
            if self.files[place] != data:
                module = self.module_of(place.removeprefix(self.site + "/"))[0] if place.endswith(".py") else ""
                advice = f"leave it out with --exclude-modules {module}" if module else "leave one of the two out"
                self.problems.append(f"{self.owner[place]} and {owner} both bring {place.removeprefix(self.site + '/')}, with other contents: {advice}")
            return
        self.files[place], self.owner[place] = data, owner

    def python_file(self, path, place, data, owner):
        """A source, unless it is excluded. path is its place below a folder of sys.path."""
        if not all(part.isidentifier() for part in path[: -len(".py")].split("/")):
            self.add(place, data, owner)  # nobody can import it
            return False
        module, package = self.module_of(path)
        if self.excludes(module):
            self.left_out.add(module)
            return False
        self.add(place, data, owner)
        self.modules[module] = place
        if package:
            self.packages.add(module)
        return True

    def standard_library(self):
        """Sources and byte code, of which the archive of the interpreter's recipe has both."""
        compiled = {}
        with zipfile.ZipFile(self.spec["stdlib"]) as z:
            for name in sorted(z.namelist()):
                if name.endswith(".py"):
                    place = f"{self.lib}/{name}"
                    if self.python_file(name, place, z.read(name), "the standard library"):
                        compiled[place] = renamed(marshal.loads(z.read(name + "c")[16:]), f"{self.root}/{place}")
        return compiled

    def package(self, package):
        about, folder = package["about"], pathlib.Path(package["folder"])
        if about["schema"] != 1 or about["target"] != self.spec["target"]:
            raise Problem(f"the archive of {about['name']} is of another form, or for {about['target']}: build it again with --no-cache")
        site = folder / "site-packages"
        for path in sorted(site.rglob("*")) if site.exists() else []:
            if not path.is_file():
                continue
            name = path.relative_to(site).as_posix()
            place, data = f"{self.site}/{name}", path.read_bytes()
            if name.endswith(".py") and ".dist-info/" not in name:
                self.python_file(name, place, data, about["name"])
            elif not name.endswith(".pyc") and not self.excludes(os.path.dirname(name).replace("/", ".") or " "):
                self.add(place, data, about["name"])
        for module in about["modules"]:
            if self.excludes(module["name"]):
                self.left_out.add(module["name"])
                continue
            archive = folder / module["archive"]
            if not archive.is_file() or module["init"] not in self.defined(archive):
                self.problems.append(
                    f"{about['name']}: nothing defines {module['init']}, the init function of {module['name']}: its archive is damaged, build it again with --no-cache"
                )
            elif module["name"] in self.archives:
                self.problems.append(f"{self.owner[module['name']]} and {about['name']} both have a module {module['name']}: leave one of the two packages out")
            else:
                self.inits[module["name"]], self.archives[module["name"]] = module["init"], str(archive)
                self.owner[module["name"]] = about["name"]

    def defined(self, archive):
        text = self.tool("llvm-nm", "--defined-only", "--extern-only", "--format=just-symbols", str(archive), capture_output=True, text=True).stdout
        return set(text.split("\n"))

    def interpreter(self):
        """Its table of built-in modules, which is made anew: what it does not name is not linked."""
        config = self.out("config.o")
        with open(config, "wb") as f:
            self.tool("llvm-ar", "p", self.spec["library"], "config.o", stdout=f)
        text = self.tool("llvm-nm", "--undefined-only", "--format=just-symbols", config, capture_output=True, text=True).stdout
        self.inits.update({"builtins": None, "sys": None})
        for init in text.split():
            self.inits[OTHER_INITS.get(init) or init.removeprefix("PyInit_")] = init
        for name in list(self.inits):
            if self.excludes(name):
                self.left_out.add(name)
                del self.inits[name]

    def known(self, module):
        return module in self.modules or module in self.inits

    # What is run

    def entry(self):
        """entry.h, and the files of the entry."""
        spec = self.spec
        run = ""
        if spec["script"]:
            place = f"app/{os.path.basename(spec['script'])}"
            self.add(place, pathlib.Path(spec["script"]).read_bytes(), "the script")
            run = "run_filename", f"{self.root}/{place}"
        elif spec["entry"]:
            module, _, function = spec["entry"].partition(":")
            self.entry_is_there(module, function)
            run = "run_module", module
            if function:
                text = f"import sys\n\nfrom {module} import {function.split('.')[0]}\n\nsys.exit({function}())\n"
                self.add("app/start.py", text.encode(), "the entry")
                run = "run_filename", f"{self.root}/app/start.py"
        lines = [f'#define APP_ROOT "{self.root}"', f"#define APP_TIME {spec['epoch']}ull * 1000000000"]
        if run:
            lines += [f"#define APP_RUN {run[0]}", f"#define APP_WHAT {json.dumps(run[1])}"]
        pathlib.Path(self.out("entry.h")).write_text("\n".join(lines) + "\n")

    def entry_is_there(self, module, function):
        if not self.known(module):
            parent = module.rpartition(".")[0]
            hint = near(module, self.modules)
            if self.excludes(module):
                hint = ", since --exclude-modules leaves it out"
            elif parent and not self.known(parent):
                hint = f", nor a package {parent}{near(parent, self.modules)}"
            elif not hint:
                tops = sorted(m for m, place in self.modules.items() if place.startswith(self.site) and "." not in m)
                hint = f"; what the packages have: {', '.join(tops)}" if tops else ""
            self.problems.append(f"--entry {self.spec['entry']}: there is no module {module} in the app{hint}")
            return
        if not function:
            if module in self.packages and not self.known(module + ".__main__"):
                self.problems.append(f"--entry {module}: it is a package without a __main__, which can't be run: name a module below it, or a function, {module}:FUNCTION")
            return
        tree = self.tree(module)
        if tree is None:
            return  # a compiled module tells nothing
        names, unknown = top_level(tree)
        first = function.split(".")[0]
        if first not in names and not unknown and not self.known(f"{module}.{first}"):
            self.problems.append(f"--entry {self.spec['entry']}: {module} has no {first}{near(first, names)}")

    def tree(self, module):
        place = self.modules.get(module)
        try:
            return ast.parse(self.files[place]) if place else None
        except (SyntaxError, ValueError):
            return None

    # What was left out

    def check_excluded(self):
        for name in self.excluded:
            if not any(below(m, name) for m in self.left_out):
                self.problems.append(f"--exclude-modules {name}: there is no such module in the app{near(name, [*self.modules, *self.inits])}")
        if not self.left_out:
            return
        lines = subprocess.run([sys.executable, "-I", "-c", "import runpy, sys; print(*sorted(sys.modules))"], check=True, capture_output=True, text=True).stdout
        for name in self.excluded:
            if any(below(m, name) and m in self.left_out for m in lines.split()):
                self.problems.append(f"--exclude-modules {name}: Python itself imports it at its start; leave it in")
        start = self.spec["entry"].partition(":")[0]
        if self.spec["script"]:
            start = None
        elif not start:
            return
        self.follow(start)

    def follow(self, start):
        """Names what is imported at the start of the entry, by the statements at the top of its module and of those that it imports."""
        queue, seen = [(start, "")], {start}
        while queue:
            module, chain = queue.pop(0)
            if module is None:
                place = f"app/{os.path.basename(self.spec['script'])}"
                tree = ast.parse(self.files[place])
                name, package = os.path.basename(place), ""
            else:
                tree, name = self.tree(module), module
                package = module if module in self.packages else module.rpartition(".")[0]
                if module in self.packages and chain == "" and ":" not in self.spec["entry"] and self.known(module + ".__main__"):
                    queue.append((module + ".__main__", module + " → "))
            if tree is None:
                continue
            for line, wanted in imports(tree, package):
                for target in parents(wanted):
                    if target in self.left_out:
                        self.problems.append(f"--exclude-modules {target}: {chain}{name} imports it at its start (line {line}); leave it in")
                        self.left_out.discard(target)
                    elif target in self.modules and target not in seen:
                        seen.add(target)
                        queue.append((target, f"{chain}{name} → "))

    # What comes of it

    def compile(self, compiled):
        """Byte code for all sources; it takes their place where they are not kept."""
        for place in [p for p in self.files if p.endswith(".py")]:
            source = self.files[place]
            code = compiled.get(place)
            if code is None:
                try:
                    code = compile(source, f"{self.root}/{place}", "exec", dont_inherit=True)
                except (SyntaxError, ValueError) as e:
                    if place.startswith("app/"):
                        self.problems.append(f"--script {os.path.basename(place)}: {e}")
                    else:
                        print(f"{self.owner[place]}: {place} is no Python {self.spec['python']} ({e}): it is kept as it is", flush=True)
                    continue
            data = bytes(_code_to_hash_pyc(code, importlib.util.source_hash(source), False))
            if self.spec["strip"] and not place.startswith("app/"):
                del self.files[place]
                self.files[place + "c"] = data
            elif not place.startswith("app/"):
                folder, name = os.path.split(place)
                self.files[f"{folder}/__pycache__/{name[: -len('.py')]}.{TAG}.pyc"] = data

    def tree_of_files(self):
        """The nodes, names and bytes that files.c reads."""
        root = {}
        for place in sorted(self.files):
            folder = root
            *parents, name = place.split("/")
            for part in parents:
                folder = folder.setdefault(part, {})
            folder[name] = self.files[place]
        nodes, names, contents = [["", 0, root]], bytearray(), bytearray()
        lines, at = [], 0
        while at < len(nodes):
            name, parent, entry = nodes[at]
            encoded = name.encode()
            where = len(names)
            names += encoded + b"\0"
            if isinstance(entry, dict):
                lines.append((where, len(encoded), parent, len(nodes), len(entry), 1))
                nodes += [[n, at, e] for n, e in sorted(entry.items(), key=lambda item: item[0].encode())]
            else:
                lines.append((where, len(encoded), parent, len(contents), len(entry), 0))
                contents += entry
            at += 1
        pathlib.Path(self.out("names.bin")).write_bytes(names)
        pathlib.Path(self.out("bytes.bin")).write_bytes(contents or b"\0")
        text = '#include "files.h"\nconst struct app_node app_nodes[] = {\n' + "".join("{%d,%d,%d,%d,%d,%d},\n" % line for line in lines) + "};\n"
        pathlib.Path(self.out("tree.c")).write_text(text)
        data = "".join(
            f"""__asm__(".section .rodata.{symbol},\\"\\",@\\n.globl {symbol}\\n{symbol}:\\n.incbin \\"{self.out(file)}\\"\\n.size {symbol}, {size}\\n");\n"""
            for symbol, file, size in (("app_bytes", "bytes.bin", len(contents) or 1), ("app_names", "names.bin", len(names)))
        )
        pathlib.Path(self.out("data.c")).write_text(data)
        return len(lines), len(contents)

    def table(self):
        names = sorted(self.inits)
        declared = "".join(f'extern PyObject *init{i}(void) __asm__("{self.inits[n]}");\n' for i, n in enumerate(names) if self.inits[n])
        entries = "".join(f'    {{"{n}", {f"init{i}" if self.inits[n] else "NULL"}}},\n' for i, n in enumerate(names))
        text = f"#include <Python.h>\n{declared}struct _inittab _PyImport_Inittab[] = {{\n{entries}    {{NULL, NULL}},\n}};\n"
        pathlib.Path(self.out("table.c")).write_text(text)


def renamed(code, file):
    """Byte code as if it were of another file."""
    consts = tuple(renamed(c, file) if isinstance(c, types.CodeType) else c for c in code.co_consts)
    return code.replace(co_filename=file, co_consts=consts)


def parents(module):
    parts = module.split(".")
    return [".".join(parts[: n + 1]) for n in range(len(parts))]


def imports(tree, package):
    """(line, module) of the statements that a module's import runs whatever happens: not those in functions, nor in conditions or try."""
    for node in tree.body:
        if isinstance(node, ast.Import):
            for name in node.names:
                yield node.lineno, name.name
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                up = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*up, *([base] if base else [])])
            yield node.lineno, base
            for name in node.names:
                yield node.lineno, f"{base}.{name.name}"


def top_level(tree):
    """The names that a module has, and whether it may have more."""
    names, unknown = set(), False
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            names.add(node.name)
            unknown = unknown or node.name == "__getattr__"
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            for a in node.names:
                names.add((a.asname or a.name).split(".")[0])
                unknown = unknown or a.name == "*"
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        elif isinstance(node, ast.Name) and node.id in ("globals", "exec", "vars"):
            unknown = True
    return names, unknown


def main(file):
    warnings.simplefilter("ignore")
    spec = json.loads(pathlib.Path(file).read_text())
    app = App(spec)
    try:
        app.interpreter()
        compiled = app.standard_library()
        for package in spec["packages"]:
            app.package(package)
        app.entry()
        app.check_excluded()
        app.compile(compiled)
    except Problem as e:
        app.problems.append(str(e))
    if app.problems:
        pathlib.Path(spec["out"], "problems").write_text("\n".join(app.problems) + "\n")
        print(*app.problems, sep="\n")
        return
    files, size = app.tree_of_files()
    app.table()
    print(f"{files} files and folders, {size} bytes; {len(app.archives)} modules of packages, {len(app.inits)} built-in modules in all", flush=True)


main(sys.argv[1])
