"""Running PostgreSQL with fewer privileges than the stack: it refuses to run as root."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

from ogdc_local.errors import StackError


class Launcher(NamedTuple):
    """How to start a program that must not be root and must end with the thread that starts it."""

    prefix: tuple[str, ...]
    """Precedes the program's command line; each part executes the next, so the process id stays the same."""
    owner: pwd.struct_passwd | None = None
    """The user who must own the program's directories, or None to leave them."""

    def give(self, directory: Path) -> None:
        """Change a directory's owner to the program's user."""
        if self.owner is not None:
            os.chown(directory, self.owner.pw_uid, self.owner.pw_gid)


def choose_launcher(data: Path) -> Launcher:
    """Choose how to start PostgreSQL with the data directory `data`, which need not exist yet.

    An ordinary user starts it directly. Root, and a user without a name, start it in a user namespace where
    their files belong to an ordinary user. Root without namespaces starts it as that user, with the one
    capability that is needed to reach a directory below a closed home. On Linux it is shut down when the
    stack dies.

    Raises:
        StackError: neither is possible for root.
    """
    euid = os.geteuid()
    setpriv = ("setpriv", "--pdeathsig", "INT") if shutil.which("setpriv") else ()
    if euid != 0 and _has_name(euid):
        return Launcher(setpriv)
    user = _ordinary_user()
    unshare = ("unshare", "--user", f"--map-user={user.pw_uid}", f"--map-group={user.pw_gid}", "--")
    ours = not data.exists() or data.stat().st_uid == euid
    if ours and _works(unshare):
        return Launcher((*unshare, *setpriv))
    if euid != 0:
        return Launcher(setpriv)
    if not setpriv:
        raise StackError(
            "PostgreSQL refuses to run as root: install util-linux (setpriv), or start as another user."
        )
    become = (f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups")
    caps = "-all,+dac_read_search"
    limits = (f"--inh-caps={caps}", f"--ambient-caps={caps}", f"--bounding-set={caps}")
    # PostgreSQL checks its files with access(2), which otherwise ignores the capability.
    return Launcher((*setpriv, *become, *limits, "--securebits=+no_setuid_fixup"), owner=user)


def _has_name(uid: int) -> bool:
    try:
        pwd.getpwuid(uid)
    except KeyError:
        return False
    return True


def _ordinary_user() -> pwd.struct_passwd:
    """Return an ordinary user with a name, which `initdb` looks up; preferably nobody."""
    others = sorted((user.pw_name != "nobody", user) for user in pwd.getpwall() if user.pw_uid != 0)
    if not others:
        raise StackError("PostgreSQL refuses to run as root, and /etc/passwd names no other user: add one.")
    return others[0][1]


def _works(prefix: tuple[str, ...]) -> bool:
    try:
        return subprocess.run([*prefix, "true"], capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False
