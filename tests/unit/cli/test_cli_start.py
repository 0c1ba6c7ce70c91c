"""Ctrl-C while the program is still starting: nothing has begun, so it ends without a word."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest


def _interrupted_at(module: str) -> subprocess.CompletedProcess[str]:
    code = f"""
import os, signal, sys

class Interrupt:
    def find_spec(self, name, path=None, target=None):
        if name == {module!r}:
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, Interrupt())
sys.argv[1:] = ["--help"]
from ogdc_cli.__main__ import main; main()
"""
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)


@pytest.mark.parametrize("module", ["typer", "ogdc_cli.commands.users"])
def test_ctrl_c_ends_a_program_that_is_still_importing(module: str) -> None:
    done = _interrupted_at(module)
    assert (done.returncode, done.stdout, done.stderr) == (-signal.SIGINT, "", "")


def test_a_user_without_an_entry_has_a_home() -> None:
    code = """
import os, pwd
def unknown(uid):
    raise KeyError(uid)
pwd.getpwuid = unknown
del os.environ["HOME"]
from pathlib import Path
from ogdc_cli.__main__ import _set_home
_set_home()
print(Path.home())
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("/\n", "")
