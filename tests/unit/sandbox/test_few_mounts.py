"""The mount namespace that bubblewrap starts in: nothing that a task is shown is missing from it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="an ordinary user has no such namespace")

MANY_MOUNTS = r"""
import os, subprocess, sys
from pathlib import Path
from ogdc_local.sandbox.few_mounts import FewMounts

def mount(name):
    Path(name).mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", name], check=True)
    Path(name, "sub").mkdir()
    Path(name, "sub/file").write_text(name)

os.chdir(sys.argv[1])
home = Path.cwd()
few = FewMounts(Path("/usr/bin/bwrap"))
for name in ("a", "a/inner", "with space"):
    mount(name)
Path("link").symlink_to(home / "a/sub")
Path("nothing").mkdir()

def look(*sources):
    with few.entered([str(home / each) for each in sources]):
        assert not few._is_given_up
        return [name for name in ("a/sub", "a/inner/sub", "with space/sub") if (home / name).exists()]

print(look("nothing"))
print(look("link"))
print(look("a"))
print(look("with space/sub/file"))
subprocess.run(["umount", home / "with space"], check=True)
print(look("with space"), few._needed >= {str(home / "with space")})
mount("later")
with few.entered([str(home / "later/sub")]):
    print((home / "later/sub/file").read_text())
print(Path.cwd() == home, (home / "a/inner/sub/file").read_text())
"""


def test_visible_files_exist_at_any_mount(tmp_path: Path) -> None:
    done = subprocess.run(
        ["unshare", "--mount", sys.executable, "-c", MANY_MOUNTS, str(tmp_path)],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines() == [
        "[]",
        "['a/sub']",
        "['a/sub', 'a/inner/sub']",
        "['a/sub', 'a/inner/sub', 'with space/sub']",
        "['a/sub', 'a/inner/sub'] True",
        "later",
        "True a/inner",
    ]


ALL_MOUNTS = """
import os
from pathlib import Path
from ogdc_local.sandbox.few_mounts import FewMounts

few = FewMounts(Path("/usr/bin/bwrap"))
before = os.readlink("/proc/thread-self/ns/mnt")
with few.entered(["/usr"]):
    print(os.readlink("/proc/thread-self/ns/mnt") == before)
print(os.readlink("/proc/thread-self/ns/mnt") == before)
"""


def test_mounts_are_not_reduced_without_an_alternative() -> None:
    command = ["unshare", "--user", "--map-root-user", sys.executable, "-c", ALL_MOUNTS]
    assert subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout == "True\nTrue\n"
