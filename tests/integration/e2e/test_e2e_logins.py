"""A local stack that requires authentication."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.stack import Stack


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with tempfile.TemporaryDirectory(prefix="ogdc-logins-") as directory:
        root = Path(directory)
        root.chmod(0o755)
        with Stack(root, OGDC_LOCAL_ACCESS_MODE="authenticated") as stack:
            yield stack


def test_authentication_is_required_and_the_first_admin_token_is_shown_once(stack: Stack, recipe) -> None:
    *_, token = stack.cli("up").out.split()
    assert token.startswith("ogdc_")
    assert "ogdc_" not in stack.cli("up").out
    record = stack.paths.record.read_text() + stack.paths.stack_log.read_text()
    assert token not in record

    refused = stack.cli("run", str(recipe("logins")))
    assert refused.code == 1
    assert (
        "You are not logged in, and this deployment requires it. Log in with `ogdc-runner login`"
        in refused.err
    )
    done = stack.cli("run", str(recipe("logins")), OGDC_TOKEN=token)
    assert done.code == 0, done
    assert stack.cli("list", OGDC_TOKEN=token, OGDC_API_URL=stack.url).code == 0

    *_, other = stack.cli("up", "--admin-token").out.split()
    assert stack.cli("whoami", OGDC_TOKEN=other).out.startswith("admin, admin")
    assert "revoked" in stack.cli("whoami", OGDC_TOKEN=token).err
