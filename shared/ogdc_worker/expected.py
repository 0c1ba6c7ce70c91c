"""The digests that the workflow passes to a task, and the check that the task's input artifacts match them.

The arguments are parsed by hand, so that tasks without other options need not import argparse.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, NamedTuple

from ogdc_shared.digests import digest, files_digest, root_of, sha256
from ogdc_shared.errors import IntegrityError
from ogdc_shared.plan import Partition, Plan, find_manifest, split_pack

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import NoReturn

_PIECE = 1 << 20


class Expected(NamedTuple):
    """Expected input artifacts of a task. None is not checked, since manifests of older versions lack it."""

    plan: str | None = None
    """SHA-256 of the plan, in hex."""
    partition: int | None = None
    """Number of the partition."""
    partitions: str | None = None
    """Root of the hash tree over all packs (see `digests.HashTree`)."""

    @classmethod
    def from_words(cls, words: list[str]) -> Expected:
        """Parse `plan=…`, `partition=…` and `partitions=…`.

        Raises:
            ValueError: a key is unknown, or the partition is not a number.
        """
        found = dict(word.split("=", 1) for word in words)
        if not found.keys() <= set(cls._fields):
            raise ValueError(f"{' '.join(words)!r} is nothing a task can expect.")
        number = found.pop("partition", None)
        return cls(partition=None if number is None else int(number), **found)


def read_plan(path: str, expected: Expected) -> Plan:
    """Read a plan.

    Raises:
        IntegrityError: its digest is not the expected one.
    """
    content = _content(path)
    if expected.plan not in {None, found := digest(content)}:
        _refuse("plan", found)
    return Plan.from_json(content)


def read_partition(path: str, expected: Expected) -> Partition:
    """Read a partition's manifest from its pack.

    Raises:
        IntegrityError: the pack does not belong to the run, or does not contain the partition.
    """
    pack, proof = split_pack(_content(path))
    if expected.partitions is not None:
        found = _root(pack, proof)
        if found != expected.partitions:
            _refuse("list of inputs", found)
    manifest = find_manifest(pack, expected.partition)
    if manifest is None:
        _refuse("list of inputs", "of other partitions")
    return Partition.from_json(manifest)


def directory_digest(directory: str) -> str:
    """Return the digest of a directory's files (see `files_digest`); other kinds of entries change it."""
    return files_digest(_files(directory, ""))


def check_recipe(directory: str, plan: Plan) -> None:
    """Check that the recipe's files are those that were submitted.

    Raises:
        IntegrityError: they differ.
    """
    if plan.recipe is not None and (found := directory_digest(directory)) != plan.recipe:
        _refuse("recipe directory", found)


def _files(directory: str, above: str) -> Iterator[tuple[str, str]]:
    with os.scandir(directory) as entries:
        for entry in entries:
            path = f"{above}{entry.name}"
            if entry.is_dir(follow_symlinks=False):
                yield from _files(entry.path, f"{path}/")
            else:
                yield path, file_digest(entry.path) if entry.is_file(follow_symlinks=False) else "no file"


def file_digest(path: str) -> str:
    """Return the SHA-256 of a file's content, in hex."""
    state = sha256()
    with open(path, "rb") as file:
        while piece := file.read(_PIECE):
            state.update(piece)
    return str(state.hexdigest())


def _root(pack: bytes, proof: bytes) -> str:
    try:
        return root_of(pack, json.loads(proof or b"[]"))
    except (ValueError, TypeError):
        return "unreadable"


def _content(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()


def _refuse(what: str, found: str) -> NoReturn:
    raise IntegrityError(
        f"The {what} of this task is not what was submitted (its digest is {found[:16]}): something "
        "was changed in the artifact store. Nothing was run. Tell the operator, and submit again."
    )
