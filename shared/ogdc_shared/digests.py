"""Digests that let a task verify that its inputs are what was submitted.

Otherwise whoever can write to the artifact store could make a task run anything. So the digests are in the
workflow, which they cannot write. The packs of a run's partitions are the leaves of a hash tree: the digest
of its root covers any number of them, and each pack is stored with the digests on its path to the root.

Source: RFC 6962, section 2.1 (leaves and nodes are hashed with different first bytes, so that neither can
pass for the other).
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

try:  # Python's own, since importing hashlib loads OpenSSL, which takes longer than a plan's digest
    if sys.version_info >= (3, 12):
        from _sha2 import sha256  # type: ignore[import-not-found,unused-ignore]
    else:
        from _sha256 import sha256  # type: ignore[import-not-found,unused-ignore]
except ImportError:
    from hashlib import sha256

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["HashTree", "digest", "files_digest", "leaf", "root_of", "sha256"]


def digest(*pieces: bytes) -> str:
    """Return the SHA-256 of concatenated pieces, in hex."""
    state = sha256()
    for piece in pieces:
        state.update(piece)
    return str(state.hexdigest())


class HashTree:
    """A hash tree over a sequence of documents."""

    def __init__(self, leaves: Iterable[bytes]) -> None:
        """Build the tree from at least one leaf, as returned by `leaf`."""
        self._levels = [list(leaves)]
        while len(self._levels[-1]) > 1:
            self._levels.append(list(_joined(self._levels[-1])))

    @property
    def root(self) -> str:
        """The digest of the root, in hex."""
        return self._levels[-1][0].hex()

    def proof(self, number: int) -> list[str]:
        """Return the digests from leaf `number` (from 0) to the root: L or R for the side, then hex."""
        found = []
        for level in self._levels[:-1]:
            neighbour = number ^ 1
            if neighbour < len(level):
                found.append(("L" if neighbour < number else "R") + level[neighbour].hex())
            number //= 2
        return found


def leaf(document: bytes) -> bytes:
    """Return the digest of a document as a leaf of the tree."""
    return bytes.fromhex(digest(b"\0", document))


def root_of(document: bytes, proof: Iterable[str]) -> str:
    """Return the root that results from a document and its proof."""
    found = leaf(document)
    for step in proof:
        neighbour = bytes.fromhex(step[1:])
        found = _node(neighbour, found) if step[:1] == "L" else _node(found, neighbour)
    return found.hex()


def files_digest(files: Iterable[tuple[str, str]]) -> str:
    """Return one digest for files given as relative path and digest, in any order."""
    lines = sorted(f"{path}\0{found}\n".encode(errors="surrogateescape") for path, found in files)
    return digest(*lines)


def _joined(level: list[bytes]) -> Iterator[bytes]:
    """Yield the parents of a level; the last of an odd number moves up unchanged."""
    for start in range(0, len(level), 2):
        pair = level[start : start + 2]
        yield _node(*pair) if len(pair) == 2 else pair[0]


def _node(left: bytes, right: bytes) -> bytes:
    return bytes.fromhex(digest(b"\1", left, right))
