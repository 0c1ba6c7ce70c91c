from __future__ import annotations

from pathlib import Path

from ogdc_local.stack.private import PrivateFiles


def test_a_netrc_that_is_named_but_missing_is_reported(tmp_path: Path) -> None:
    environ = {"HOME": str(tmp_path)}
    assert PrivateFiles.from_env(environ).logins() == {}
    (note,) = PrivateFiles.from_env(environ | {"NETRC": "/x/netrc"}).logins().values()
    assert note == b"There is no file /x/netrc, which NETRC names."
