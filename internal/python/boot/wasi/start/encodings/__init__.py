"""In the place of the encodings of a program that has its library linked in, where nothing can be added to that: it becomes them, and then
begins what _python_wasm has to do before anything else of Python's.
"""

import sys as _sys
import posix as _posix

for _folder in _sys.path:
    _own = __path__[0]
    _path = _folder + "/encodings"
    if _path != _own:
        try:
            _fd = _posix.open(_path + "/__init__.py", _posix.O_RDONLY)
        except OSError:
            continue
        _text = b""
        while _part := _posix.read(_fd, 1 << 16):
            _text += _part
        _posix.close(_fd)
        __path__[:] = [_path]
        __file__ = __spec__.origin = _path + "/__init__.py"
        exec(compile(_text, __file__, "exec"), globals())
        break
import _python_wasm  # noqa: E402, F401
