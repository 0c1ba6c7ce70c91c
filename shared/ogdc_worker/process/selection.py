"""Selects the items that a command of a parallel recipe runs for; the other files are carried along."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, NamedTuple

from ogdc_shared.items import DATASET_DIRECTORIES, Wanted, group
from ogdc_shared.walking import is_directory
from ogdc_worker.process.execution import WorkFile

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ogdc_worker.process.paths import ProcessPaths


class Selection(NamedTuple):
    """The items of one command and the other files."""

    items: tuple[WorkFile, ...]
    carried: tuple[str, ...] = ()
    """Other files and directories, relative to `/input_dir`."""

    def to_json(self) -> str:
        """Return it as JSON; a plain list if nothing is carried along, as in earlier versions."""
        return json.dumps({"items": self.items, "carried": self.carried} if self.carried else self.items)

    @classmethod
    def from_json(cls, text: str) -> Selection:
        """Parse the output of `to_json`."""
        read = json.loads(text)
        items, carried = (read, ()) if isinstance(read, list) else (read["items"], read["carried"])
        return cls(tuple(WorkFile(*item) for item in items), tuple(carried))


def select_inputs(paths: ProcessPaths, on_volumes: Sequence[str], wanted: Wanted) -> Selection:
    """Select the items of the first command: the inputs that match `wanted`, or all if none does.

    Args:
        paths: The task's paths. Subdirectories of the inputs only keep names apart, unless their suffix says
            that they are one data set.
        on_volumes: Paths of inputs that are read in place, which come first.
        wanted: The patterns of items.
    """
    items = [WorkFile(path, os.path.basename(path)) for path in group(on_volumes)]
    found = group(_inputs(paths.inputs))
    items += [WorkFile(f"{paths.input_dir}/{name}", name.replace("/", "_")) for name in found]
    meant = [item for item in items if wanted.has(item.path)]
    if not meant or len(meant) == len(items):
        return Selection(tuple(items))
    others = (name for main, parts in found.items() if not wanted.has(main) for name in (main, *parts))
    return Selection(tuple(meant), tuple(others))


def select_left(paths: ProcessPaths, wanted: Wanted) -> Selection:
    """Select the items of a later command: the files and directories that the previous one left.

    Hidden files are available to the command but are not items. Links to directories, dangling links and
    special files are not items either.
    """
    everything = sorted(name for name in os.listdir(paths.inputs) if not name.startswith("."))
    visible = [name for name in everything if _is_item(f"{paths.inputs}/{name}")]
    directories = {name for name in visible if is_directory(f"{paths.inputs}/{name}")}
    found = {main: parts for main, parts in group(visible, directories).items() if wanted.has(main)}
    taken = {name for main, parts in found.items() for name in (main, *parts)}
    return Selection(
        tuple(WorkFile(f"{paths.input_dir}/{name}", name) for name in found),
        tuple(name for name in everything if name not in taken),
    )


def _is_item(path: str) -> bool:
    return os.path.isfile(path) or is_directory(path)


def _inputs(directory: str, below: str = "") -> Iterator[str]:
    """Yield the relative paths of all inputs below a directory, sorted."""
    for name in sorted(os.listdir(f"{directory}/{below}")):
        path = f"{directory}/{below}{name}"
        if is_directory(path) and not name.lower().endswith(DATASET_DIRECTORIES):
            yield from _inputs(directory, f"{below}{name}/")
        elif is_directory(path) or os.path.isfile(path):
            yield f"{below}{name}"
