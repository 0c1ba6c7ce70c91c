"""Items that a parallel recipe does without: which could not be fetched or for which a command failed.

Each partition keeps account in its workspace; `publish` looks at all of them, since the recipe says how many
of the run may fail.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, NamedTuple

from ogdc_shared.errors import PublishError
from ogdc_shared.layout import MISSING
from ogdc_shared.several import several
from ogdc_shared.trees import write_durably

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

RESULT_NAME = "ogdc-missing.json"
"""The list of what is missing, beside the files that are there."""
FETCHING = 0
"""Stands for the number of a command in the account of what could not be fetched."""
_MAX_BYTES = 64 * 1024 * 1024
_REASON_CHARACTERS = 1000


class Missing(NamedTuple):
    """An item without a result."""

    item: str
    """Name of the file or directory that the command was given."""
    command: int | None
    """Which failed, counting from 1; None, as are the next two: it could not be fetched."""
    line: int | None
    """Its line in the recipe's sh_file."""
    exit_code: int | None
    reason: str

    def to_text(self) -> str:
        """Say which, and what failed."""
        return f"{self.item!r} ({'fetching it' if self.command is None else f'command {self.command}'})"


class MissingItems(NamedTuple):
    """What became of the items of a partition, or of several."""

    items: int = 0
    """How many there were to be: that could not be fetched, and that the first command ran for."""
    missing: tuple[Missing, ...] = ()

    def exceeds(self, allowed: str) -> bool:
        """Whether more are missing than `allowed`: a number, or a share such as 1%."""
        if allowed.endswith("%"):
            return len(self.missing) * 100 > float(allowed[:-1]) * self.items
        return len(self.missing) > int(allowed)

    def to_text(self) -> str:
        """Say how many are missing, and some of them."""
        names = several([one.to_text() for one in self.missing])
        return f"{len(self.missing)} of {self.items} items failed: {names}"

    def to_json(self) -> str:
        """Render as published."""
        return json.dumps(
            {"items": self.items, "missing": [one._asdict() for one in self.missing]},
            ensure_ascii=False,
            indent=2,
        )


def exceeds_number(missing: int, allowed: str) -> bool:
    """Whether a partition by itself has too many; a share is of the whole run, which only `publish` sees."""
    return not allowed.endswith("%") and missing > int(allowed)


def count_missing(workspace: str, *, before: int) -> int:
    """Count the items of a partition that could not be fetched, or failed in commands before this one."""
    commands = _read(workspace)["commands"]
    return sum(len(found) for number, found in commands.items() if int(number) < before)


def note(workspace: str, *, number: int, items: int, missing: Iterable[Missing]) -> None:
    """Keep for which items a command failed, in place of what an earlier try of it noted.

    Args:
        workspace: The partition's.
        number: Which of the commands; `FETCHING` before the first.
        items: How many it ran for.
        missing: Those it failed for.
    """
    account = _read(workspace)
    if number == 1:
        account["items"] = items
    account["commands"][str(number)] = [
        one._replace(reason=one.reason[:_REASON_CHARACTERS])._asdict() for one in missing
    ]
    write_durably(f"{workspace}/{MISSING}", json.dumps(account).encode())


def add_up_missing(workspaces: Iterable[str], allowed: str) -> MissingItems:
    """Add up the partitions' accounts.

    Args:
        workspaces: Of the partitions, in order. Commands could write there: no link in one is followed.
        allowed: How many items may fail, or which share.

    Raises:
        PublishError: more items failed than are allowed, or a partition has no account.
    """
    accounts = [_checked(number, workspace) for number, workspace in enumerate(workspaces)]
    account = MissingItems(
        sum(each.items for each in accounts), tuple(one for each in accounts for one in each.missing)
    )
    if account.exceeds(allowed):
        raise PublishError(
            f"{account.to_text()}. That is more than workflow.parallel.allowed_failures: {allowed} allows, "
            "so nothing is published. The tasks' logs tell why each of them failed."
        )
    return account


def _checked(number: int, workspace: str) -> MissingItems:
    try:
        read = _read(workspace)
        commands = {int(command): rows for command, rows in read["commands"].items()}
        rows = [Missing(**row) for command in sorted(commands) for row in commands[command]]
        account = MissingItems(int(read["items"]) + len(commands.get(FETCHING, ())), tuple(rows))
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as exc:
        raise PublishError(
            f"Partition {number} has left no account of which items failed ({type(exc).__name__}); nothing "
            "is published. A command may have removed or changed it."
        ) from exc
    if 1 not in commands:
        raise PublishError(f"Partition {number} has not left how many items it had. Submit the recipe again.")
    return account


def _read(workspace: str) -> dict[str, Any]:
    try:
        file = os.open(f"{workspace}/{MISSING}", os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return {"items": 0, "commands": {}}
    with open(file, "rb") as opened:
        account: dict[str, Any] = json.loads(opened.read(_MAX_BYTES))
    return account
