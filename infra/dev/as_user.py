"""`python as_user.py <uid> <gid> <reach: 0|1> <command…>`: root becomes an ordinary user, then the command.

PostgreSQL refuses to run as root. No user is created and no folder opened to the world for it: the process becomes an
existing unprivileged user, and where that user could not reach its files (a checkout below /root), it keeps the one
capability to pass folders that it may not read.
"""

import ctypes
import os
import sys

DAC_OVERRIDE, DAC_READ_SEARCH = 1, 2  # linux/capability.h; containers often have only the first
CAPABILITY_VERSION_3 = 0x20080522
PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP = 28, 4
PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE = 47, 2


class Header(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class Sets(ctypes.Structure):
    _fields_ = (("effective", ctypes.c_uint32), ("permitted", ctypes.c_uint32), ("inheritable", ctypes.c_uint32))


def become(uid: int, gid: int, *, reach: bool) -> None:
    """Leave root for good; with `reach`, keep the capability to pass closed folders through the next exec."""
    libc = ctypes.CDLL(None, use_errno=True)

    def call(result: int) -> None:
        if result != 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))

    header, sets = Header(CAPABILITY_VERSION_3, 0), (Sets * 2)()
    os.setgroups([])
    os.setgid(gid)
    if not reach:
        os.setuid(uid)
        return
    call(libc.capget(ctypes.byref(header), sets))
    kept = DAC_READ_SEARCH if sets[0].permitted & (1 << DAC_READ_SEARCH) else DAC_OVERRIDE
    # Leaving root keeps the capabilities, and access(), which PostgreSQL asks about its own programs, sees them.
    call(libc.prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP, 0, 0, 0))
    os.setuid(uid)
    only = 1 << kept
    sets[0], sets[1] = Sets(only, only, only), Sets(0, 0, 0)
    call(libc.capset(ctypes.byref(header), sets))
    call(libc.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, kept, 0, 0))


if __name__ == "__main__":
    try:
        become(int(sys.argv[1]), int(sys.argv[2]), reach=sys.argv[3] == "1")
    except OSError as reason:
        sys.exit(f"PostgreSQL does not run as root, and this root may not become another user ({reason})")
    os.execv(sys.argv[4], sys.argv[4:])
