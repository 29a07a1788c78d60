"""As which user PostgreSQL runs, and what that user can reach (see as_user.py)."""

import os
import pwd
import stat
from pathlib import Path

from infra.dev.problem import Problem

NOBODY = "nobody"


def server_user(data: Path) -> tuple[int, int] | None:
    """As root: the user that runs the server, who is the one its files belong to already, else `nobody`."""
    if os.geteuid() != 0:
        return None
    if data.exists() and data.stat().st_uid != 0:
        return data.stat().st_uid, data.stat().st_gid
    try:
        nobody = pwd.getpwnam(NOBODY)
    except KeyError:
        raise Problem(
            f"PostgreSQL does not run as root, and this machine has no user `{NOBODY}`; "
            f"start as an ordinary user, or set DATABASE_URL"
        ) from None
    return nobody.pw_uid, nobody.pw_gid


def name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def reachable(path: Path, uid: int) -> bool:
    """Whether a user who is in no group of ours may pass every folder on the way."""
    for folder in (path, *path.parents):
        status = folder.stat()
        mine = stat.S_IXUSR if status.st_uid == uid else stat.S_IXOTH
        if not status.st_mode & mine:
            return False
    return True
