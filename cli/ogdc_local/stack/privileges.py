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
    """How to start a program that shall not be root and shall not outlive the thread that starts it."""

    prefix: tuple[str, ...]
    """Goes before the program's command line; each part becomes the next, so the process id stays."""
    owner: pwd.struct_passwd | None = None
    """The user that the program's directories have to belong to; None: as they are."""

    def give(self, directory: Path) -> None:
        """Hand a directory to the program's user."""
        if self.owner is not None:
            os.chown(directory, self.owner.pw_uid, self.owner.pw_gid)


def choose_launcher(data: Path) -> Launcher:
    """Choose how to start PostgreSQL on the data directory `data`, which need not exist yet.

    An ordinary user starts it plainly. Root, and a user without a name, start it in a user namespace where
    their files belong to an ordinary user; root without namespaces starts it as that user, with the one
    capability it takes to reach a directory below a home closed to it. On Linux it is asked to shut down when
    the stack dies.

    Raises:
        StackError: root has neither way.
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
    # PostgreSQL tries its files with access(2), which without this forgets the capability.
    return Launcher((*setpriv, *become, *limits, "--securebits=+no_setuid_fixup"), owner=user)


def _has_name(uid: int) -> bool:
    try:
        pwd.getpwuid(uid)
    except KeyError:
        return False
    return True


def _ordinary_user() -> pwd.struct_passwd:
    """Find a user that is not root and has a name, which `initdb` looks up: nobody, where there is one."""
    others = sorted((user.pw_name != "nobody", user) for user in pwd.getpwall() if user.pw_uid != 0)
    if not others:
        raise StackError("PostgreSQL refuses to run as root, and /etc/passwd names no other user: add one.")
    return others[0][1]


def _works(prefix: tuple[str, ...]) -> bool:
    try:
        return subprocess.run([*prefix, "true"], capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False
