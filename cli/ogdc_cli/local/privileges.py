"""Running PostgreSQL with fewer privileges than the stack has: it refuses root."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

from ogdc_cli.local.paths import StackError

_NOBODY = 65534
_UNSHARE = ("unshare", "--user", "--map-user=1000", "--map-group=1000", "--")


class Launcher(NamedTuple):
    """How to start a program that shall not be root and shall not outlive the thread that starts it."""

    prefix: tuple[str, ...]
    """Goes before the program's command line; each part becomes the next, so the process id stays."""
    owner: int | None = None
    """The user (and group) that the program's directories have to belong to; None: as they are."""

    def give(self, directory: Path) -> None:
        """Hand a directory to the program's user."""
        if self.owner is not None:
            os.chown(directory, self.owner, self.owner)


def choose_launcher(data: Path) -> Launcher:
    """Choose how to start PostgreSQL on the data directory `data`, which need not exist yet.

    An ordinary user starts it plainly. Root starts it in a user namespace where root's files belong to an
    ordinary user; where there are no namespaces, as user nobody, with the one capability it takes to reach a
    directory below a home closed to it. On Linux it is asked to shut down when the stack dies.

    Raises:
        StackError: root has neither way.
    """
    setpriv = ("setpriv", "--pdeathsig", "INT") if shutil.which("setpriv") else ()
    if os.geteuid() != 0:
        return Launcher(setpriv)
    ours = not data.exists() or data.stat().st_uid == 0
    if ours and _can_unshare():
        return Launcher((*_UNSHARE, *setpriv))
    if not setpriv:
        raise StackError(
            "PostgreSQL refuses to run as root: install util-linux (setpriv), or start as another user."
        )
    caps = "-all,+dac_read_search"
    user = (f"--reuid={_NOBODY}", f"--regid={_NOBODY}", "--clear-groups", "--securebits=+no_setuid_fixup")
    limits = (f"--inh-caps={caps}", f"--ambient-caps={caps}", f"--bounding-set={caps}")
    return Launcher((*setpriv, *user, *limits), owner=_NOBODY)


def _can_unshare() -> bool:
    try:
        return subprocess.run([*_UNSHARE, "true"], capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False
