"""Packs: the stored form of partitions, several of them in one object.

One object for each partition would need 10,000 requests in a submission. A task downloads one pack, so a pack
has as many partitions as fit in a small object. Packs are the leaves of the run's hash tree.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ogdc_shared.digests import HashTree, leaf
from ogdc_shared.plan import seal_pack

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ogdc_shared.inputs.listing import Listing

MAX_PARTITIONS = 100
"""The limit for one pack, in the plans that a submission makes (see `plan.Partitioning.pack`)."""
_BYTES = 1 << 20
"""The mean size of a pack: so small that it costs a task little to read the partitions of others."""


class Packs:
    """The partitions of a listing, packed; partition `n` is in pack `n // per_pack`."""

    def __init__(self, listing: Listing, partitions: Sequence[Sequence[int]], *, most: int) -> None:
        """Pack the partitions.

        Args:
            listing: The files; it has to stay open.
            partitions: The positions of each partition's files in the listing; at least one partition.
            most: The maximum number of partitions in one pack.
        """
        self._listing = listing
        self._partitions = partitions
        self.per_pack = max(1, min(most, len(partitions) * _BYTES // (listing.manifest_bytes or 1)))
        """The number of partitions in each pack except the last."""
        self._tree = HashTree(map(leaf, self._packs()))

    @property
    def root(self) -> str:
        """The digest that stands for all of them (see `digests.HashTree`)."""
        return self._tree.root

    def sealed(self) -> Iterator[bytes]:
        """Yield each pack in its stored form, built one at a time."""
        for number, pack in enumerate(self._packs()):
            yield seal_pack(pack, self._tree.proof(number))

    def _packs(self) -> Iterator[bytes]:
        total = len(self._partitions)
        for first in range(0, total, self.per_pack):
            numbers = range(first, min(first + self.per_pack, total))
            yield b"\n".join(self._listing.manifest(number, self._partitions[number]) for number in numbers)
