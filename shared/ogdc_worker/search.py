"""Finding the inputs of `list`: files on volumes and the output of earlier stages, all mounted read-only."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from ogdc_shared.errors import InputNotFoundError, UnusableInputError
from ogdc_shared.filenames import may_be_empty
from ogdc_shared.globs import PathPattern
from ogdc_shared.items import DATASET_DIRECTORIES, mains_of
from ogdc_shared.layout import COMPANIONS, RESULT, STAGE_MOUNT, claim_mount
from ogdc_shared.plan import InputFile
from ogdc_shared.walking import is_directory, walk

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from ogdc_shared.plan import Partitioning, VolumeInput

_MAX_NAMED = 5
"""How many unmatched files an error message names."""


def find_files(
    volumes: Sequence[VolumeInput],
    mount: Callable[[str], str] = claim_mount,
    *,
    placed: bool = False,
    warn: Callable[[str, str], None] = lambda _kind, _message: None,
) -> Iterator[InputFile]:
    """Yield the files of inputs on volumes, input by input and sorted by path, each file once.

    Companions of a matching file are included (see `items`). A directory that holds one data set (.gdb,
    .zarr) is one input, and so is every matching directory if the pattern ends in a slash. Links to
    directories are not followed. Files are yielded lazily, so there may be millions.

    Args:
        volumes: The inputs.
        mount: Returns the path at which a claim's volume is mounted.
        placed: Whether to keep a file's directory below the input's path.
        warn: Called with a kind and a message for each dangling link, which is left out, and each empty file.

    Raises:
        InputNotFoundError: the directory does not exist, or no file in it matches.
        UnusableInputError: a file's name is not UTF-8.
    """
    searches = [_Search(volume, mount(volume.claim)) for volume in volumes]
    for number, search in enumerate(searches):
        for found in search.found():
            if any(earlier.covers(found) for earlier in searches[:number]):
                continue
            path, name = _readable(found.path), "/".join(search.below(found.path))
            if found.lost:
                warn("lost_input", f"the input {name!r} is left out: it is a link that leads nowhere")
                continue
            size = found.size()
            if not size and not may_be_empty(os.path.basename(path)) and not is_directory(path):
                warn("empty_input", f"the input {name!r} is empty: it has no byte")
            yield InputFile(
                path, kind="volume", directory=search.place_of(found) if placed else None, size=size
            )


def find_outputs(stage: str, mount: str = STAGE_MOUNT) -> Iterator[InputFile]:
    """Yield the output files of a stage, partition by partition and sorted by path.

    A directory that holds one data set is yielded as a whole, as on volumes. A file keeps its directory below
    the partition's output directory.

    Args:
        stage: Name of the stage.
        mount: Where its workspaces are mounted.

    Raises:
        InputNotFoundError: it has no output.
        UnusableInputError: a file's name is not UTF-8.
    """
    nothing = True
    for number in sorted(filter(str.isdecimal, os.listdir(mount)), key=int):
        top = f"{mount}/{number}/output_dir"
        for found in _walk(top, lambda path: path.lower().endswith(DATASET_DIRECTORIES)):
            if found.lost:
                continue
            nothing = False
            directory = os.path.dirname(found.path.removeprefix(f"{top}/")) or None
            yield InputFile(_readable(found.path), kind="volume", directory=directory, size=found.size())
    if nothing:
        raise InputNotFoundError(
            f"The stage {stage} has written no file for the next one. See its tasks' logs."
        )


def find_keys(stage: str, mount: str = STAGE_MOUNT, *, measured: bool = True) -> Iterator[InputFile]:
    """Yield the top-level output directories of a stage's partitions (see `Plan.by_key`).

    They come partition by partition, sorted by name. Top-level files and the directory of the run's result
    are skipped; stages that read the whole output use those (see `Plan.reads`).

    Args:
        stage: Name of the stage.
        mount: Where its workspaces are mounted.
        measured: Whether to determine the sizes, which requires a stat of every file.

    Raises:
        InputNotFoundError: there is no such directory.
        UnusableInputError: a directory's name is not UTF-8.
    """
    nothing = True
    for number in sorted(filter(str.isdecimal, os.listdir(mount)), key=int):
        top = f"{mount}/{number}/output_dir"
        for key in sorted(os.listdir(top)):
            found = _Found(f"{top}/{key}")
            if key == RESULT or not is_directory(found.path):
                continue
            nothing = False
            size = found.size() if measured else None
            yield InputFile(_readable(found.path), kind="volume", name=number, directory=key, size=size)
    if nothing:
        raise InputNotFoundError(
            f"The stage {stage} has found nothing for the next one. See its tasks' logs."
        )


def find_shares(stage: str, how: Partitioning, mount: str = STAGE_MOUNT) -> Iterator[InputFile]:
    """Yield the output directories of a stage's partitions, once for each share (see `Plan.shares`).

    Args:
        stage: Name of the stage.
        how: Limits the number of shares by tasks and bytes.
        mount: Where its workspaces are mounted.

    Raises:
        InputNotFoundError: the stage has no output.
    """
    numbers = sorted(filter(str.isdecimal, os.listdir(mount)), key=int)
    tops = {number: f"{mount}/{number}/output_dir" for number in numbers}
    sizes = {number: _Found(top).size() for number, top in tops.items()}
    left = [number for number in numbers if sizes[number]]
    if not left:
        raise InputNotFoundError(
            f"The stage {stage} has found nothing for the next one. See its tasks' logs."
        )
    shares = max(1, min(how.tasks, sum(sizes.values()) // (how.bytes or 1)))
    for share in range(shares):
        for number in left:
            yield InputFile(tops[number], kind="volume", name=number, directory=f"{share}-of-{shares}")


class _Found(NamedTuple):
    """A file, or a directory that is one input."""

    path: str
    mains: Sequence[str] = ()
    """Paths of the files that this one is a companion of."""
    lost: bool = False
    """Whether it is a dangling link."""

    def size(self) -> int:
        """Return its size in bytes; for a directory, the total size of its files."""
        if not is_directory(self.path):
            return os.stat(self.path).st_size
        return sum(
            entry.stat().st_size for _, entry in walk(self.path) if entry.is_file(follow_symlinks=False)
        )


class _Search:
    """Searches the files of one input."""

    def __init__(self, volume: VolumeInput, mount: str) -> None:
        self._volume = volume
        self._top = f"{mount}/{volume.path}".rstrip("/")
        parts = [part for part in volume.glob.split("/") if part not in {"", "."}]
        self._pattern = PathPattern(["**", *parts])
        self._for_directories = volume.glob.endswith("/")
        self._others: list[str] = []
        """Some files that do not match, for the error message."""
        self._dangling: list[str] = []
        """Some matching links that lead nowhere, for the error message."""

    def found(self) -> Iterator[_Found]:
        """Yield what matches, sorted by path.

        Raises:
            InputNotFoundError: the directory does not exist, or nothing in it matches.
        """
        if not os.path.isdir(self._top):
            raise InputNotFoundError(
                f"The volume {self._volume.claim} has no directory {self._volume.path!r}; correct "
                "input.params: path."
            )
        nothing = True
        for found in _walk(self._top, self._takes_whole):
            if self._takes(found):
                nothing = nothing and found.lost
                if found.lost and len(self._dangling) < _MAX_NAMED:
                    self._dangling.append(found.path.removeprefix(f"{self._top}/"))
                yield found
            elif len(self._others) < _MAX_NAMED:
                self._others.append(found.path.removeprefix(f"{self._top}/"))
        if nothing:
            raise InputNotFoundError(self._nothing())

    def place_of(self, found: _Found) -> str | None:
        """Return the file's directory relative to the input's path, or None for the top."""
        return "/".join(self.below(found.path)[:-1]) or None

    def covers(self, found: _Found) -> bool:
        """Whether this search also finds a file, possibly as part of a directory that is one input."""
        names = self.below(found.path)
        above = (names[:length] for length in range(1, len(names)))
        return self._takes(found) or any(self._is_whole(each) for each in above)

    def _takes(self, found: _Found) -> bool:
        if self._for_directories:
            return is_directory(found.path) and self._takes_whole(found.path)
        return any(self._matches(self.below(path)) for path in (found.path, *found.mains))

    def _takes_whole(self, path: str) -> bool:
        return self._is_whole(self.below(path))

    def _is_whole(self, names: tuple[str, ...]) -> bool:
        """Whether a directory is one input, so that the files in it are not inputs of their own."""
        is_data_set = bool(names) and names[-1].lower().endswith(DATASET_DIRECTORIES)
        return (is_data_set or self._for_directories) and self._matches(names)

    def _matches(self, names: tuple[str, ...]) -> bool:
        return bool(names) and self._pattern.matches(names)

    def below(self, path: str) -> tuple[str, ...]:
        """Return the components of a path relative to the input's path; empty if it is not below it."""
        below = path.removeprefix(f"{self._top}/")
        return () if below == path else tuple(below.split("/"))

    def _nothing(self) -> str:
        volume = self._volume
        if self._dangling:
            return (
                f"All files below {volume.path or '/'!r} on the volume {volume.claim} that match "
                f"{volume.glob!r} are links that lead nowhere: {', '.join(map(repr, self._dangling))}. "
                "A link must not lead out of its volume."
            )
        others = ", ".join(map(repr, self._others))
        there = f"There are others, such as {others}." if others else "There is no file at all."
        return (
            f"No file below {volume.path or '/'!r} on the volume {volume.claim} matches {volume.glob!r}. "
            f"{there}"
        )


def _walk(directory: str, takes_whole: Callable[[str], bool]) -> Iterator[_Found]:
    """Yield each file and each directory that is one input below a directory, sorted by path."""
    with os.scandir(directory) as entries:
        found = sorted(entries, key=lambda entry: f"{entry.name}/" if entry.is_dir() else entry.name)
    mains = mains_of([entry.path for entry in found if not entry.is_dir()])
    for entry in found:
        if _tells_of_others(entry):
            continue
        if entry.is_dir(follow_symlinks=False) and not takes_whole(entry.path):
            yield from _walk(entry.path, takes_whole)
        elif entry.is_file() or entry.is_dir(follow_symlinks=False):
            yield _Found(entry.path, mains.get(entry.path, ()))
        elif entry.is_symlink() and not os.path.exists(entry.path):
            yield _Found(entry.path, mains.get(entry.path, ()), lost=True)


def _tells_of_others(entry: os.DirEntry[str]) -> bool:
    """Whether this entry was written by `publish` beside published data, and is not data itself."""
    return any(entry.name == name and os.path.isfile(f"{entry.path}/{file}") for name, file in COMPANIONS)


def _readable(path: str) -> str:
    """Check that a name can be stored in a manifest.

    Raises:
        UnusableInputError: it is not UTF-8.
    """
    try:
        path.encode()
    except UnicodeEncodeError as exc:
        raise UnusableInputError(f"The name {path!r} is not UTF-8. Rename the file.") from exc
    return path
