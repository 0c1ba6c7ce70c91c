"""What the workflow says a task is handed, and the check that it is handed that and nothing else.

The words are read by hand, since a task that has nothing else to parse need not wait for argparse.
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
    """What a task is to be handed; None is not checked, as in workflows of versions that did not say it."""

    plan: str | None = None
    """SHA-256 of the plan, in hex."""
    partition: int | None = None
    """Which partition's manifest."""
    partitions: str | None = None
    """Root of the hash tree of all packs (see `digests.HashTree`)."""

    @classmethod
    def from_words(cls, words: list[str]) -> Expected:
        """Read `plan=…`, `partition=…` and `partitions=…`.

        Raises:
            ValueError: it is something else.
        """
        found = dict(word.split("=", 1) for word in words)
        if not found.keys() <= set(cls._fields):
            raise ValueError(f"{' '.join(words)!r} is nothing a task can expect.")
        number = found.pop("partition", None)
        return cls(partition=None if number is None else int(number), **found)


def read_plan(path: str, expected: Expected) -> Plan:
    """Read a plan.

    Raises:
        IntegrityError: it is another than the workflow says.
    """
    content = _content(path)
    if expected.plan not in {None, found := digest(content)}:
        _refuse("plan", found)
    return Plan.from_json(content)


def read_partition(path: str, expected: Expected) -> Partition:
    """Read a partition's manifest from its pack.

    Raises:
        IntegrityError: the pack is none of the run's, or another's.
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
    """The digest of a directory's files (see `files_digest`); what is no file in it makes it another."""
    return files_digest(_files(directory, ""))


def check_recipe(directory: str, plan: Plan) -> None:
    """Make sure that the recipe's own files are those that were submitted.

    Raises:
        IntegrityError: they are not.
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
    """The SHA-256 of a file's content, in hex."""
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
        f"The {what} that this task was handed is not what was submitted (it is {found[:16]}): something "
        "was changed in the artifact store. Nothing of it was run. Tell the operator, and submit again."
    )
