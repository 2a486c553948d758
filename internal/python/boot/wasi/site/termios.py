"""What modules like tty and click import when they begin. The settings of terminals are nothing that WASI knows of, so that every call says what it says of a
file; numbers are Linux's.
"""

import errno as _errno
import os as _os


class error(Exception):
    pass


def _refuse(name):
    def refuse(fd, *args):
        if not isinstance(fd, int):
            fd = fd.fileno()
        raise error(_errno.ENOTTY, _os.strerror(_errno.ENOTTY))

    refuse.__name__ = refuse.__qualname__ = name
    return refuse


for _name in "tcdrain tcflow tcflush tcgetattr tcgetwinsize tcsendbreak tcsetattr tcsetwinsize".split():
    globals()[_name] = _refuse(_name)

# Queues and times.
TCSANOW, TCSADRAIN, TCSAFLUSH = range(3)
TCIFLUSH, TCOFLUSH, TCIOFLUSH = range(3)
TCOOFF, TCOON, TCIOFF, TCION = range(4)
# Flags of input, output, control and lines.
IGNBRK, BRKINT, IGNPAR, PARMRK, INPCK, ISTRIP, INLCR, IGNCR, ICRNL = (1 << n for n in range(9))
IXON, IXANY, IXOFF, IMAXBEL = 0o2000, 0o4000, 0o10000, 0o20000
OPOST, ONLCR, OCRNL, ONOCR, ONLRET, OFILL, OFDEL = 1, 4, 8, 16, 32, 64, 128
CSIZE, CS5, CS6, CS7, CS8, CSTOPB, CREAD, PARENB, PARODD, HUPCL, CLOCAL = 0o60, 0, 0o20, 0o40, 0o60, 0o100, 0o200, 0o400, 0o1000, 0o2000, 0o4000
ISIG, ICANON, ECHO, ECHOE, ECHOK, ECHONL, NOFLSH, TOSTOP = 1, 2, 8, 16, 32, 64, 128, 256
ECHOCTL, ECHOKE, IEXTEN = 0o1000, 0o4000, 0o100000
VINTR, VQUIT, VERASE, VKILL, VEOF, VTIME, VMIN, VSTART, VSTOP, VSUSP, VEOL = 0, 1, 2, 3, 4, 5, 6, 8, 9, 10, 11
NCCS = 32
