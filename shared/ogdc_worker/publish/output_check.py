"""Checks the output directories that are merged to one result."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from ogdc_shared.errors import PublishError
from ogdc_shared.several import several
from ogdc_shared.walking import is_directory
from ogdc_worker.merging import merge_names, tell_others

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ogdc_worker.merging import Clash
    from ogdc_worker.publish.rights import Rights


class Outputs(NamedTuple):
    """The output directory of a task."""

    directory: str
    partition: str
    """Label of its partition, for messages."""


def check_outputs(outputs: Sequence[Outputs], rights: Rights) -> dict[str, int]:
    """List everything below the partitions' output directories, before any of it is published.

    Args:
        outputs: The directories, in order.
        rights: Permissions to set on everything; on a directory before its content is checked.

    Returns:
        As `merge_names`.

    Raises:
        PublishError: there is no file at all, two partitions wrote the same file, or there is something that
            cannot be part of a result: a link that leads out of it, a pipe, a device.
    """
    directories = [each.directory for each in outputs]
    for directory, partition in outputs:
        if not is_directory(directory):
            raise PublishError(f"Partition {partition} has no output directory, so it was not processed.")
        rights.give(directory)

    problems: dict[str, str] = {}

    def check(directory: str, entry: os.DirEntry[str], name: str) -> None:
        if problem := _problem(directory, entry, name):
            problems[name] = problem
        rights.give(entry.path)

    def refuse(clashes: Sequence[Clash], count: int) -> PublishError:
        return _clash(clashes, count, [each.partition for each in outputs])

    found = merge_names(directories, refuse, check=check)
    if problems:
        raise _no_part(problems)
    if all(is_directory(f"{directories[number]}/{name}") for name, number in found.items()):
        raise PublishError("There is nothing to publish: the last command left no file in /output_dir.")
    return found


def _clash(clashes: Sequence[Clash], count: int, labels: Sequence[str]) -> PublishError:
    name, first, second = clashes[0]
    return PublishError(
        f"The partitions {labels[first]} and {labels[second]} both wrote {name!r}, and one would overwrite "
        f"the other. {tell_others(clashes, count, labels.__getitem__)}Have the recipe derive the names "
        "of outputs from those of its inputs, and give inputs of the same name a `name` or `directory`."
    )


def _no_part(problems: Mapping[str, str]) -> PublishError:
    first, *others = problems
    more = f" The same goes for {several([repr(name) for name in others])}." if others else ""
    return PublishError(f"The last command left {first!r}, {problems[first]}{more}")


def _problem(directory: str, entry: os.DirEntry[str], name: str) -> str | None:
    """Return why something cannot be part of a result; None if it can."""
    if entry.is_symlink():
        return _problem_of_link(directory, name)
    if entry.is_dir() or entry.is_file():
        return None
    return "which is a pipe, a socket or a device. Remove it."


def _problem_of_link(directory: str, name: str) -> str | None:
    """Check that a link stays valid and inside the result after publication."""
    path = f"{directory}/{name}"
    target = os.readlink(path)
    inside = f"{os.path.realpath(path)}/".startswith(f"{os.path.realpath(directory)}/")
    if inside and not os.path.isabs(target) and os.path.exists(path):
        return None
    return (
        f"a link to {target!r}, which is not part of the result. "
        "Copy the file (cp -L), or link it by a relative path."
    )
