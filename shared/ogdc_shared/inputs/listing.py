"""The list of a run's input files before partitioning: on disk, so that a million need little memory."""

from __future__ import annotations

from array import array
from itertools import chain
from tempfile import SpooledTemporaryFile
from typing import TYPE_CHECKING, NamedTuple

from ogdc_shared.digests import digest
from ogdc_shared.inputs.partitioning import UNKNOWN, divide
from ogdc_shared.items import Wanted, dataset_directory, item_path, item_paths, may_be_part, members_of
from ogdc_shared.plan import Division, read_file, render_file, render_manifest

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from ogdc_shared.plan import InputFile, Partitioning, Plan


_SPOOLED = 1 << 20
"""Listings below this size in bytes are kept in memory, not in a file."""


class Items(NamedTuple):
    """The files of a listing by items (see `items`): what is divided among tasks."""

    sizes: Sequence[int]
    """Bytes of each item, or `partitioning.UNKNOWN`."""
    members: Sequence[Sequence[int]] | None = None
    """Positions of each item's files, or None if each item is one file, in order.

    A companion file may be in several items, and then in several partitions.
    """
    names: Sequence[int] = ()
    """A number derived from each item's name; empty if names are not needed."""

    def divided(self, how: Partitioning) -> Iterator[Sequence[int]]:
        """Yield the positions of the files of each partition, as `partitioning.divide` divides the items."""
        partitions = divide(self.sizes, how, self.names)
        if self.members is None:
            return partitions
        return (
            array("L", sorted(set(chain.from_iterable(map(self.members.__getitem__, items)))))
            for items in partitions
        )


class Listing:
    """A sequence of files that is written once and then read as partition manifests.

    Closing it, or leaving its `with` block, deletes the data it holds.
    """

    def __init__(self) -> None:
        self._file = SpooledTemporaryFile(max_size=_SPOOLED)  # noqa: SIM115  closed with the listing
        self._ends = array("Q", [0])
        self.sizes = array("q")
        """Bytes of each file, or `partitioning.UNKNOWN`."""
        self._may_have_parts = False

    def extend(self, files: Iterable[InputFile]) -> None:
        """Add files at the end."""
        end = self._ends[-1]
        self._file.seek(end)
        for file in files:
            line = f"{render_file(file)}\n".encode()
            self._file.write(line)
            end += len(line)
            self._ends.append(end)
            self.sizes.append(UNKNOWN if file.size is None else file.size)
            if not self._may_have_parts:
                self._may_have_parts = may_be_part(item_path(file)) or dataset_directory(file) is not None

    def __len__(self) -> int:
        return len(self.sizes)

    @property
    def manifest_bytes(self) -> int:
        """What all files take in manifests."""
        return self._ends[-1]

    def items(self, patterns: Sequence[str] = ()) -> Items:
        """Put the files that belong together together.

        Args:
            patterns: Of the items that commands run for (`Plan.items`). Where some fit, the others go with
                the first of these, and so never make a partition by themselves.
        """
        wanted = Wanted(patterns)
        if not wanted and not self._may_have_parts:
            return Items(self.sizes)
        paths, directories = item_paths(self._files())
        members = members_of(paths, directories)
        if fitting := [item for item in members if wanted.has(paths[item[0]])]:
            passengers = chain.from_iterable(item for item in members if not wanted.has(paths[item[0]]))
            fitting[0] = list(dict.fromkeys([*fitting[0], *passengers]))
            members = fitting
        return Items([self._size(item) for item in members], members)

    def items_of(self, plan: Plan) -> Items:
        """Return the items that the files of a stage are grouped into, which are divided among its tasks."""
        if not plan.partitioning.divides:
            return Items(self.sizes)
        items = self._keys() if plan.by_key or plan.shares else self.items(plan.items)
        return items._replace(names=self._names(items)) if plan.partitioning.strategy == "names" else items

    def _names(self, items: Items) -> Sequence[int]:
        of_files = array("Q", (_number(item_path(file)) for file in self._files()))
        return of_files if items.members is None else [of_files[item[0]] for item in items.members]

    def manifest(self, number: int, positions: Sequence[int]) -> bytes:
        """Return the manifest of a partition (see `plan.Partition`) of the files at these positions."""
        lines = (self._read(start, end) for start, end in _runs(positions))
        files = b"".join(lines).removesuffix(b"\n").replace(b"\n", b",\n")
        return render_manifest(number, files.decode()).encode()

    def close(self) -> None:
        """Delete the data it holds."""
        self._file.close()

    def __enter__(self) -> Listing:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _keys(self) -> Items:
        """Put together what goes to one place below `/input_dir` (see `Plan.by_key` and `Plan.shares`)."""
        members: dict[str | None, list[int]] = {}
        for position, file in enumerate(self._files()):
            members.setdefault(file.directory, []).append(position)
        keys = [members[key] for key in sorted(members, key=str)]
        return Items([self._size(key) for key in keys], keys)

    def _files(self) -> Iterator[InputFile]:
        self._file.seek(0)
        return (read_file(line) for line in self._file)

    def _size(self, positions: Sequence[int]) -> int:
        sizes = [self.sizes[position] for position in positions]
        return UNKNOWN if UNKNOWN in sizes else sum(sizes)

    def _read(self, start: int, end: int) -> bytes:
        self._file.seek(self._ends[start])
        return self._file.read(self._ends[end] - self._ends[start])


def _number(name: str) -> int:
    return int(digest(name.encode(errors="surrogatepass"))[:16], 16)


def measure(sizes: Sequence[int], partitions: Iterable[Sequence[int]]) -> Division:
    """Count the files and bytes of each partition (as returned by `partitioning.divide`)."""
    files: list[int] = []
    totals: list[int | None] = []
    for positions in partitions:
        files.append(len(positions))
        known = [sizes[position] for position in positions if sizes[position] != UNKNOWN]
        totals.append(sum(known) if len(known) == len(positions) else None)
    return Division(files=tuple(files), sizes=tuple(totals))


def _runs(positions: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Join neighbouring positions: 2, 3, 4, 9 are (2, 5), (9, 10)."""
    start = end = -1
    for position in positions:
        if position != end:
            if end >= 0:
                yield start, end
            start = position
        end = position + 1
    if end >= 0:
        yield start, end
