"""Writes pyconfig.h for the target from the runtime's own sysconfig data.

No package ships that header: the runtime is Pyodide's npm package, whose sysconfig data lists what configure found, and
Debian's pyconfig.h for x86-64 lists every name that the header of this Python version can define. Names that begin with an
underscore (_GNU_SOURCE, _XOPEN_SOURCE, _FILE_OFFSET_BITS, ...) are never in sysconfig data; configure sets them the same on
both, and leaving them out hides declarations from libc's headers (SSIZE_MAX, for one).
"""

import re

DEFINE = re.compile(r"[ \t]*#[ \t]*define (\w+)(?:[ \t].*)?$")
UNDEF = re.compile(r"/\* #undef (\w+) \*/$")


def generate(template, values):
    """The header as text. values is sysconfig's build_time_vars."""
    return "\n".join(_line(line, values) for line in template.splitlines()) + "\n"


def _line(line, values):
    match = DEFINE.match(line) or UNDEF.match(line)
    if not match:
        return line
    name = match[1]
    if name == "Py_PYCONFIG_H" or name.startswith("_"):
        return line
    value = values.get(name, 0)
    # 0 stands for "not defined" in sysconfig data, but configure does define HAVE_DECL_* as 0 where the answer is no.
    if value == 0 and not name.startswith("HAVE_DECL_"):
        return f"/* #undef {name} */"
    return f"#define {name} {value}".rstrip()
