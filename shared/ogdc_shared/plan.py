"""The plan of a run, stored in the artifact store and read by the worker.

`Plan` and `Division` are one object for each stage; several `Partition`s share one object, a *pack* (see
`inputs.packs`). All are plain JSON. User input (command lines, URLs, file names) is only in them, never in
the Argo manifest. They are named tuples, because the worker's start-up time counts.
"""

from __future__ import annotations

import json
from json.encoder import encode_basestring as quoted
from typing import TYPE_CHECKING, NamedTuple

from ogdc_shared.errors import UnsupportedError
from ogdc_shared.layout import PROCESS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

PLAN_VERSION = 6
"""Of what is written here. To be raised with whatever a worker that does not know it must not pass over; a
plan without a version is of the first."""


_BEGINNING = b'{"number": '
"""What `render_manifest` begins with."""


class Checksum(NamedTuple):
    """A digest the fetched file must have."""

    algorithm: str
    """Lower case, as hashlib names it: md5, sha1, sha256, …"""
    value: str
    """Hex digits, lower case."""


class InputFile(NamedTuple):
    """One file to place in the first command's `/input_dir`."""

    source: str
    """An http(s) or ftp URL; for a file of the recipe its path relative to the recipe directory; for a file
    on a volume its absolute path in the task's container (see `layout.claim_mount`)."""
    kind: str = "url"
    """`url`, `recipe` or `volume`."""
    name: str | None = None
    """Name below `/input_dir`; None: the server's Content-Disposition, else the last part of `source`."""
    directory: str | None = None
    """Where below `/input_dir`; None: right in it."""
    size: int | None = None
    """Bytes, where known beforehand."""
    checksum: Checksum | None = None


class Command(NamedTuple):
    """One command line of the recipe."""

    text: str
    """What `Plan.shell` is given."""
    line: int
    """Its line in the recipe's sh_file, counting from 1."""


class VolumeInput(NamedTuple):
    """Files on a volume, which only a task can see: `list` looks for them."""

    claim: str
    """The volume claim; mounted read-only at `layout.claim_mount`."""
    path: str
    """Where on the volume to look, relative to its root; empty: everywhere."""
    glob: str
    """What to look for there at any depth, as `pathlib.Path.rglob` does; directories do not count."""


class Partitioning(NamedTuple):
    """How files are divided among tasks (see `partitioning.divide`); by default one task has them all."""

    strategy: str = "files"
    """`files`: partitions of `size` files each. `size`: as many partitions, each with about as many bytes.
    `names`: of `size` files at most, divided where their names say so."""
    size: int | None = None
    """Files in one partition."""
    bytes: int | None = None
    """For the strategy `size`: bytes in one partition, instead of `size`."""
    tasks: int = 1
    """How many partitions there are at most where neither of these is given."""
    most: int = 10_000
    """More partitions than this are refused."""
    pack: int = 1
    """How many partitions are stored in one object at most; the default is what plans had before packs."""

    @property
    def divides(self) -> bool:
        """Whether there may be more than one task."""
        return self.tasks > 1 or self.size is not None or self.bytes is not None


REUSE_LABEL = "ogdc/reuse"
"""Of a workflow: what its run has in common with those whose results it may take."""
SCOPE_LABEL = "ogdc/reuse-scope"
"""Of a workflow: the part of the store that its run may read and write, for one user's runs of one recipe."""


class Reuse(NamedTuple):
    """What of a plan's results may be kept for later runs, and taken from earlier ones."""

    base: str
    """Digest of all that makes the results but commands, programs and inputs (see `runs.reuse`)."""
    commands: int
    """How many of the first commands' results."""
    most: int = 5 << 30
    """Bytes of what is kept of one partition."""
    checked: float = 0.0
    """The share of partitions that are run although their result is known, to compare both."""


class Plan(NamedTuple):
    """What every partition of a stage does; most runs have one stage."""

    recipe_id: str
    commands: tuple[Command, ...]
    per_file: bool = False
    """True: each command runs once for each file, with INPUT_FILE and OUTPUT_FILE set."""
    command_timeout: float | None = None
    """Seconds one command may take; None: only the workflow's own deadline counts."""
    volumes: tuple[VolumeInput, ...] = ()
    """Where the task `list` looks for files; empty: nowhere, the manifests were written at submission."""
    partitioning: Partitioning = Partitioning()
    variables: tuple[tuple[str, str], ...] = ()
    """Names and values that the commands' environment has besides its own."""
    recipe: str | None = None
    """Digest of the recipe's own files (see `digests.files_digest`); None: not known."""
    shell: tuple[str, ...] = ("sh", "-c")
    """The words before a command line; the default is what plans had before there was a choice."""
    strict: bool = False
    """Whether a program that fails in a substitution or in the background fails the command, where the shell
    is bash; what else its options do is in `shell`."""
    items: tuple[str, ...] = ()
    """Glob patterns of the items that commands run for, where they run for each; empty: for all."""
    allowed_failures: str | None = None
    """How many items may fail without failing the run: a number, or a share such as 1%; None: none may."""
    checks: bool = False
    """Whether what the last command left is looked at (see `worker.checks`)."""
    warnings_fail: bool = False
    """Whether the recipe takes warnings for failures."""
    cache: bool = True
    """Whether inputs that were fetched before may be used, and are kept for later."""
    stage: str = PROCESS
    before: str | None = None
    """The stage whose outputs are the inputs, which its task `list` divides; None: they are the recipe's."""
    by_key: bool = False
    """Whether the inputs are directories: each at the top of what a task of the stage before left is a *key*,
    and what all those tasks left under one goes to the same task, as `/input_dir/<key>/<their number>`. What
    is part of the run's result (`layout.RESULT`) is no key."""
    reads: tuple[str, ...] = ()
    """Stages before whose outputs every task has besides, whole: as `/input_dir/<stage>/<their number>`."""
    shares: bool = False
    """Whether every task has all that tasks of the stage before left, and makes a share of what there is to
    make: as `/input_dir/<share>-of-<shares>/<their number>`. There are as many as `partitioning.tasks`, but
    no more than have `partitioning.bytes` of it each."""
    own: bool = False
    """Whether the commands are of programs of this distribution, which the worker's own Python runs."""
    hashes_all: bool = False
    """Whether all that is written gets a checksum, however large: it is described as a data set."""
    reuse: Reuse | None = None
    """None: each run does everything anew."""
    version: int = PLAN_VERSION
    """Which form the plan, and the manifests beside it, have."""

    def to_json(self) -> str:
        """Render as stored."""
        fields = self._asdict() | {
            "commands": [command._asdict() for command in self.commands],
            "volumes": [volume._asdict() for volume in self.volumes],
            "partitioning": self.partitioning._asdict(),
            "reuse": self.reuse and self.reuse._asdict(),
        }
        return json.dumps(fields, ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str | bytes) -> Plan:
        """Read what `to_json` of this version, or one before it, wrote.

        Raises:
            UnsupportedError: it is of a later version.
        """
        fields: dict[str, Any] = json.loads(text)
        _check_version(fields.setdefault("version", 1))
        fields["commands"] = tuple(Command(**command) for command in fields["commands"])
        fields["volumes"] = tuple(VolumeInput(**volume) for volume in fields.get("volumes", ()))
        fields["partitioning"] = Partitioning(**fields.get("partitioning", {}))
        if fields.get("reuse"):
            fields["reuse"] = Reuse(**fields["reuse"])
        if "shell" in fields:
            fields["shell"] = tuple(fields["shell"])
        fields["items"] = tuple(fields.get("items", ()))
        fields["reads"] = tuple(fields.get("reads", ()))
        fields["variables"] = tuple((name, value) for name, value in fields.get("variables", ()))
        return cls(**fields)


def _check_version(version: int) -> None:
    if version > PLAN_VERSION:
        raise UnsupportedError(
            f"The plan of this run has version {version}, and the worker is older: it knows plans up to "
            f"version {PLAN_VERSION}. Have the operator set OGDC_WORKER_IMAGE to the image of the services' "
            "version, and submit again."
        )


class Partition(NamedTuple):
    """The inputs of one task."""

    number: int
    """Counting from 0."""
    files: tuple[InputFile, ...]

    def to_json(self) -> str:
        """Render as stored; fields that are None are left out, since there may be a million files."""
        return render_manifest(self.number, ",".join(map(render_file, self.files)))

    @classmethod
    def from_json(cls, text: str | bytes) -> Partition:
        """Read what `to_json` wrote."""
        fields: dict[str, Any] = json.loads(text)
        return cls(number=fields["number"], files=tuple(_input_file(f) for f in fields["files"]))


class Division(NamedTuple):
    """How the files of a run were divided, partition by partition."""

    files: tuple[int, ...]
    """How many."""
    sizes: tuple[int | None, ...]
    """Their bytes; None where those of a file are not known beforehand."""

    def total_size(self) -> int | None:
        """Bytes of all files; None where those of one are not known beforehand."""
        known = [size for size in self.sizes if size is not None]
        return sum(known) if len(known) == len(self.sizes) else None

    def to_json(self) -> str:
        """Render as stored."""
        return json.dumps(self._asdict(), separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str | bytes) -> Division:
        """Read what `to_json` wrote."""
        fields: dict[str, Any] = json.loads(text)
        return cls(files=tuple(fields["files"]), sizes=tuple(fields["sizes"]))


def render_file(file: InputFile) -> str:
    """Render one file of a manifest in one line of JSON, without the fields that have their default.

    Put together by hand, since a run may have a million files and `json.dumps` takes four times as long.
    """
    text = f'{{"source": {quoted(file.source)}'
    if file.kind != "url":
        text += f', "kind": {quoted(file.kind)}'
    if file.name is not None:
        text += f', "name": {quoted(file.name)}'
    if file.directory is not None:
        text += f', "directory": {quoted(file.directory)}'
    if file.size is not None:
        text += f', "size": {file.size:d}'
    if file.checksum is not None:
        algorithm, value = map(quoted, file.checksum)
        text += f', "checksum": {{"algorithm": {algorithm}, "value": {value}}}'
    return text + "}"


def read_file(text: str | bytes) -> InputFile:
    """Read what `render_file` wrote."""
    return _input_file(json.loads(text))


def render_manifest(number: int, files: str) -> str:
    """Render a partition from what `render_file` made of its files, joined by commas."""
    return f'{{"number": {number}, "files": [{files}]}}'


def seal_pack(pack: bytes, proof: list[str]) -> bytes:
    """Put the proof that a pack is one of its run's (see `digests.HashTree`) into a line behind it."""
    return pack + b"\n" + json.dumps(proof).encode()


def split_pack(stored: bytes) -> tuple[bytes, bytes]:
    """Take a stored pack and its proof apart; that of a version before has an empty one.

    A manifest has lines of its own, each an object; the proof's line is a list.
    """
    pack, mark, proof = stored.partition(b"\n[")
    return pack, mark[1:] + proof


def find_manifest(pack: bytes, number: int | None) -> bytes | None:
    """Take a partition's manifest out of a pack, or (None) the first; None where it is not there.

    A manifest of a version before is a pack of its own. What a manifest begins with is nowhere else: in a
    text of JSON its quotes are escaped.
    """
    start = pack.find(_BEGINNING if number is None else b"%s%d, " % (_BEGINNING, number))
    if start < 0:
        return None
    end = pack.find(b"\n" + _BEGINNING, start)
    return pack[start:end] if end >= 0 else pack[start:]


def manifests_of(pack: bytes) -> Iterator[bytes]:
    """Take a pack apart into the manifests in it."""
    first, *others = pack.split(b"\n" + _BEGINNING)
    yield first
    yield from (_BEGINNING + each for each in others)


def _input_file(fields: dict[str, Any]) -> InputFile:
    checksum = fields.pop("checksum", None)
    return InputFile(**fields, checksum=Checksum(**checksum) if checksum else None)
