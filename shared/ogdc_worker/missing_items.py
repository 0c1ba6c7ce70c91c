"""Items of a parallel recipe that failed: their inputs could not be fetched, or a command failed for them.

Each partition records them in its workspace. `publish` reads all records, since the recipe limits the number
of failures in the whole run.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, NamedTuple

from ogdc_shared.errors import PublishError
from ogdc_shared.layout import MISSING
from ogdc_shared.open_flags import READ_FILE
from ogdc_shared.several import several
from ogdc_shared.trees import write_durably

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

RESULT_NAME = "ogdc-missing.json"
"""The published list of missing items, beside the data."""
FETCHING = 0
"""Used in place of a command's number for items that could not be fetched."""
_MAX_BYTES = 64 * 1024 * 1024
_REASON_CHARACTERS = 1000


class Missing(NamedTuple):
    """An item without a result."""

    item: str
    """Name of the item's file or directory."""
    command: int | None
    """Number of the failed command, from 1. It and the next two are None if fetching the item failed."""
    line: int | None
    """Its line in the recipe's sh_file."""
    exit_code: int | None
    reason: str

    def to_text(self) -> str:
        """Name the item and the step that failed."""
        return f"{self.item!r} ({'fetching it' if self.command is None else f'command {self.command}'})"


class MissingItems(NamedTuple):
    """The failed items of one or several partitions."""

    items: int = 0
    """Number of items: those the first command ran for, and those that could not be fetched."""
    missing: tuple[Missing, ...] = ()

    def exceeds(self, allowed: str) -> bool:
        """Whether more items are missing than `allowed`, a number or a percentage such as 1%."""
        if allowed.endswith("%"):
            return len(self.missing) * 100 > float(allowed[:-1]) * self.items
        return len(self.missing) > int(allowed)

    def to_text(self) -> str:
        """Return how many items are missing, and name some of them."""
        names = several([one.to_text() for one in self.missing])
        return f"{len(self.missing)} of {self.items} items failed: {names}"

    def to_json(self) -> str:
        """Return the document that is published."""
        return json.dumps(
            {"items": self.items, "missing": [one._asdict() for one in self.missing]},
            ensure_ascii=False,
            indent=2,
        )


def exceeds_number(missing: int, allowed: str) -> bool:
    """Whether one partition alone exceeds the limit. False for percentages, which apply to the whole run."""
    return not allowed.endswith("%") and missing > int(allowed)


def count_missing(workspace: str, *, before: int) -> int:
    """Count a partition's items that could not be fetched or failed in an earlier command."""
    commands = _read(workspace)["commands"]
    return sum(len(found) for number, found in commands.items() if int(number) < before)


def note(workspace: str, *, number: int, items: int, missing: Iterable[Missing]) -> None:
    """Record the items for which a command failed; replaces the record of an earlier try of this command.

    Args:
        workspace: The partition's workspace.
        number: Number of the command, or `FETCHING`.
        items: Number of items it ran for.
        missing: The items it failed for.
    """
    account = _read(workspace)
    if number == 1:
        account["items"] = items
    account["commands"][str(number)] = [
        one._replace(reason=one.reason[:_REASON_CHARACTERS])._asdict() for one in missing
    ]
    write_durably(f"{workspace}/{MISSING}", json.dumps(account).encode())


def add_up_missing(workspaces: Iterable[str], allowed: str) -> MissingItems:
    """Add up the records of all partitions.

    Args:
        workspaces: The partitions' workspaces, in order. Commands can write there, so links are not followed.
        allowed: How many items may fail, as a number or percentage.

    Raises:
        PublishError: more items failed than allowed, or a partition has no valid record.
    """
    accounts = [_checked(number, workspace) for number, workspace in enumerate(workspaces)]
    account = MissingItems(
        sum(each.items for each in accounts), tuple(one for each in accounts for one in each.missing)
    )
    if account.exceeds(allowed):
        raise PublishError(
            f"{account.to_text()}. This exceeds workflow.parallel.allowed_failures: {allowed}, "
            "so nothing is published. The logs of the tasks contain the reasons."
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
            f"Partition {number} has no readable record of its failed items ({type(exc).__name__}); nothing "
            "is published. A command may have removed or changed it."
        ) from exc
    if 1 not in commands:
        raise PublishError(
            f"Partition {number} has not recorded how many items it had. Submit the recipe again."
        )
    return account


def _read(workspace: str) -> dict[str, Any]:
    try:
        file = os.open(f"{workspace}/{MISSING}", READ_FILE)
    except FileNotFoundError:
        return {"items": 0, "commands": {}}
    with open(file, "rb") as opened:
        account: dict[str, Any] = json.loads(opened.read(_MAX_BYTES))
    return account
