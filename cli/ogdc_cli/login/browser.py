"""Opening a URL in the user's graphical browser, if there is one.

Not with `webbrowser`, which may start a browser that takes over the terminal.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping

_REMOTE = ("SSH_CONNECTION", "SSH_TTY")
_DISPLAYS = ("DISPLAY", "WAYLAND_DISPLAY", "WSL_DISTRO_NAME")
_OPENERS = ("xdg-open", "wslview")


def open_browser(url: str, *, environ: Mapping[str, str] | None = None) -> bool:
    """Open a URL without waiting; False if there is no browser.

    BROWSER names commands as for other programs: separated by `:`, with `%s` for the URL.
    """
    env = os.environ if environ is None else environ
    for command in _commands(env):
        if shutil.which(command[0], path=env.get("PATH")):
            return _start([part.replace("%s", url) for part in command])
    return False


def _commands(env: Mapping[str, str]) -> Iterator[list[str]]:
    for text in filter(None, env.get("BROWSER", "").split(":")):
        try:
            words = shlex.split(text)
        except ValueError:
            continue
        if words:
            yield words if any("%s" in word for word in words) else [*words, "%s"]
    if any(env.get(name) for name in _REMOTE):
        return
    if sys.platform == "darwin":
        yield ["open", "%s"]
    elif any(env.get(name) for name in _DISPLAYS):
        yield from ([opener, "%s"] for opener in _OPENERS)


def _start(command: list[str]) -> bool:
    try:
        subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    except OSError:
        return False
    return True
