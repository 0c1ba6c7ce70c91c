"""Permissions of a result are as the operator set them, whatever a command did to its files."""

from __future__ import annotations

import os
import stat
import subprocess
from pathlib import Path

import pytest

from ogdc_worker.publish.rights import AS_LEFT, PUBLISHED, Rights

FILE, DIRECTORY = stat.S_IFREG, stat.S_IFDIR


@pytest.mark.parametrize(
    ("text", "kind", "mode", "wanted"),
    [
        (PUBLISHED, FILE, 0o600, 0o644),
        (PUBLISHED, FILE, 0o700, 0o755),
        (PUBLISHED, FILE, 0o000, 0o644),
        (PUBLISHED, FILE, 0o6755, 0o755),
        (PUBLISHED, DIRECTORY, 0o3700, 0o755),
        (PUBLISHED, DIRECTORY, 0o000, 0o755),
        (AS_LEFT, FILE, 0o4640, 0o640),
        (AS_LEFT, FILE, 0o444, 0o444),
        (AS_LEFT, DIRECTORY, 0o2555, 0o755),
        ("u+rw,go-rwx", FILE, 0o666, 0o600),
        ("a+r,o-r", FILE, 0o600, 0o640),
        ("u-rwx", FILE, 0o640, 0o440),
        ("a-rwx", DIRECTORY, 0o777, 0o700),
    ],
)
def test_rights_are_what_chmod_would_give(text: str, kind: int, mode: int, wanted: int) -> None:
    assert oct(Rights(text).of(kind | mode)) == oct(wanted)


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o755, 0o711, 0o070])
@pytest.mark.parametrize("text", ["u+rwX,go+rX", "u+rw,g+r,o-rwx", "u+rwX,a+X", "u+r,go-w"])
def test_the_notation_is_that_of_chmod_itself(tmp_path: Path, text: str, mode: int) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"")
    file.chmod(mode)
    wanted = Rights(text).of(file.stat().st_mode)
    subprocess.run(["chmod", text, file], check=True)
    assert oct(stat.S_IMODE(file.stat().st_mode)) == oct(wanted)


@pytest.mark.parametrize("text", ["", "755", "u=rw", "u+s", "x+r", "u+rw;id", "u+rw,", "{{workflow.name}}"])
def test_invalid_rights_are_rejected(text: str) -> None:
    with pytest.raises(ValueError, match="not a change of permissions"):
        Rights(text)


def test_attributes_and_access_control_lists_are_taken_away(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"content")
    os.setxattr(file, "user.note", b"x")
    file.chmod(0o444)
    Rights(PUBLISHED).give(str(file))
    assert os.listxattr(file) == []
    assert stat.S_IMODE(file.stat().st_mode) == 0o644


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can set a capability here")
def test_a_capability_that_may_not_be_removed_is_left_behind_by_a_copy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"content")
    os.setxattr(file, "security.capability", bytes.fromhex("0100000200200000000000000000000000000000"))

    def refuse(*_arguments: object, **_options: object) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "removexattr", refuse)
    Rights(PUBLISHED).give(str(file))
    assert os.listxattr(file) == []
    assert file.read_bytes() == b"content"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_link_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    (tmp_path / "file").chmod(0o600)
    (tmp_path / "link").symlink_to("file")
    Rights(PUBLISHED).give(str(tmp_path / "link"))
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o600
