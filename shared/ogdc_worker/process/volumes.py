"""Inputs on volumes and from earlier stages in a task, where they are mounted read-only."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from ogdc_shared.errors import InputNotFoundError, UnusableInputError
from ogdc_shared.layout import STAGE_MOUNT, STAGES_MOUNT, claim_mount
from ogdc_shared.plan import InputFile
from ogdc_shared.trees import flush_entries
from ogdc_shared.walking import is_directory, walk

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_APART = (
    "Leave one out; commands of a recipe with workflow.parallel.enabled are given each file's whole path."
)


def whole_outputs(stages: Sequence[str], mount: str = STAGES_MOUNT) -> Iterator[InputFile]:
    """Yield the output directory of each task of these stages as one input (see `Plan.reads`).

    Args:
        stages: Their names.
        mount: Directory with the stages' workspaces, by stage name.
    """
    for stage in stages:
        for number in sorted(filter(str.isdecimal, os.listdir(f"{mount}/{stage}")), key=int):
            source = f"{mount}/{stage}/{number}/output_dir"
            yield InputFile(source, kind="volume", name=number, directory=stage)


def check_files(files: Sequence[InputFile]) -> None:
    """Check that files have not changed since they were listed.

    Raises:
        InputNotFoundError: one no longer exists.
        UnusableInputError: one has another size. The content of directories is not checked.
    """
    for file in files:
        try:
            size = os.stat(file.source).st_size
        except FileNotFoundError as exc:
            raise InputNotFoundError(
                f"{file.source!r} no longer exists, but did when the volume was listed. Submit again."
            ) from exc
        if file.size not in {None, size} and not is_directory(file.source):
            raise UnusableInputError(
                f"{file.source!r} has {size} bytes, but had {file.size} when the volume was listed. "
                "Submit again once nobody writes to it."
            )


def link_files(files: Sequence[InputFile], directory: str) -> None:
    """Link files into a directory under their own names; files of a stage keep their subdirectory.

    Raises:
        UnusableInputError: two have the same name.
    """
    from ogdc_shared.filenames import take_name  # no other task here needs it

    owners: dict[str, str] = {}
    changed = {directory}
    for file in files:
        name = os.path.join(file.directory or "", file.name or os.path.basename(file.source))
        take_name(owners, name, file.source, advice=_APART)
        if not os.path.lexists(f"{directory}/{name}"):
            above = os.path.dirname(f"{directory}/{name}")
            os.makedirs(above, exist_ok=True)
            os.symlink(file.source, f"{directory}/{name}")
            changed.add(above)
    for each in changed:
        flush_entries(each)


def replace_links(
    directory: str,
    volumes: str | tuple[str, ...] = (claim_mount(""), f"{STAGE_MOUNT}/", f"{STAGES_MOUNT}/"),
) -> bool:
    """Replace links to files on volumes by copies, because nobody else could follow them.

    Returns whether there were any.

    Args:
        directory: The directory; searched recursively.
        volumes: Path prefixes of files on volumes.
    """
    from ogdc_shared.copying import replace_by_copy

    has_replaced = False
    for _, entry in walk(directory):
        if entry.is_symlink() and entry.is_file() and os.readlink(entry.path).startswith(volumes):
            replace_by_copy(entry.path, os.path.realpath(entry.path))
            has_replaced = True
    return has_replaced
