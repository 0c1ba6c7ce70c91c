"""The name of the user of this machine, under which runs of the local stack are submitted."""

from __future__ import annotations

import getpass
import os


def machine_user() -> str:
    """Return the name of this process's user in ASCII, or the number of an account without a name."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):  # a container's user id without an account
        return str(os.getuid())
    return name.encode("ascii", "replace").decode()
