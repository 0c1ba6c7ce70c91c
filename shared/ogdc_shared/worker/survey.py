"""Look through what the partitions left, before any of it is published."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from ogdc_shared.errors import PublishError
from ogdc_shared.worker.trees import is_directory

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


def survey(outputs: Sequence[str]) -> dict[str, int]:
    """List all that lies below the output directories, as if they were merged into one.

    Args:
        outputs: One directory for each partition, in order.

    Returns:
        Path below its directory → number of the (last) partition that has it; directories as well as files.

    Raises:
        PublishError: there is no file at all, two partitions wrote the same file, or there is something that
            can be no part of a result: a link that leads out of it, a pipe, a device.
    """
    found: dict[str, int] = {}
    files = 0
    for partition, directory in enumerate(outputs):
        if not is_directory(directory):
            raise PublishError(
                f"Partition {partition} has no output directory; it cannot have been processed."
            )
        for name in _walk(directory):
            path = f"{directory}/{name}"
            if name in found and not (is_directory(path) and is_directory(f"{outputs[found[name]]}/{name}")):
                raise PublishError(
                    f"The partitions {found[name]} and {partition} both wrote {name!r}, and one would "
                    "overwrite the other. Let the recipe make names from those of its inputs."
                )
            found[name] = partition
            files += not is_directory(path)
    if not files:
        raise PublishError("There is nothing to publish: the last command left no file in /output_dir.")
    return found


def _walk(directory: str, below: str = "") -> Iterator[str]:
    """Yield the path of everything in a directory, relative to it; never through a link."""
    with os.scandir(f"{directory}/{below}") as entries:
        for entry in entries:
            name = f"{below}{entry.name}"
            yield name
            if entry.is_symlink():
                _check_link(directory, name)
            elif entry.is_dir():
                yield from _walk(directory, f"{name}/")
            elif not entry.is_file():
                raise PublishError(
                    f"The last command left {name!r}, which is a pipe, a socket or a device. Remove it."
                )


def _check_link(directory: str, name: str) -> None:
    """Refuse a link that would show something else once it is published, or something of somebody else."""
    path = f"{directory}/{name}"
    target = os.readlink(path)
    inside = os.path.realpath(path).startswith(f"{os.path.realpath(directory)}/")
    if os.path.isabs(target) or not inside or not os.path.exists(path):
        raise PublishError(
            f"The last command left {name!r}, a link to {target!r}, which is no part of the result. "
            "Copy the file (cp -L), or link it by a relative path."
        )
