"""Look through directories that are to become one."""

from __future__ import annotations

import os

from ogdc_shared.errors import PublishError
from ogdc_shared.fast_typing import TYPE_CHECKING
from ogdc_shared.walking import is_directory
from ogdc_worker.merging import merge_names

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ogdc_worker.publish.rights import Rights


def check_outputs(outputs: Sequence[str], rights: Rights) -> dict[str, int]:
    """List all that lies below the partitions' output directories, before any of it is published.

    Args:
        outputs: One directory for each partition, in order.
        rights: Given to all of it, to each directory before what it holds is looked at.

    Returns:
        As `merge_names`.

    Raises:
        PublishError: there is no file at all, two partitions wrote the same file, or there is something that
            can be no part of a result: a link that leads out of it, a pipe, a device.
    """
    for partition, directory in enumerate(outputs):
        if not is_directory(directory):
            raise PublishError(
                f"Partition {partition} has no output directory; it cannot have been processed."
            )
        rights.give(directory)

    def check(directory: str, entry: os.DirEntry[str], name: str) -> None:
        _check(directory, entry, name)
        rights.give(entry.path)

    found = merge_names(outputs, _clash, check=check)
    if all(is_directory(f"{outputs[number]}/{name}") for name, number in found.items()):
        raise PublishError("There is nothing to publish: the last command left no file in /output_dir.")
    return found


def _clash(name: str, first: int, second: int) -> PublishError:
    return PublishError(
        f"The partitions {first} and {second} both wrote {name!r}, and one would overwrite the other. "
        "Let the recipe make names from those of its inputs."
    )


def _check(directory: str, entry: os.DirEntry[str], name: str) -> None:
    """Refuse what can be no part of a result."""
    if entry.is_symlink():
        _check_link(directory, name)
    elif not entry.is_dir() and not entry.is_file():
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
