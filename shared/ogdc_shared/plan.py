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
from ogdc_shared.layout import PROCESS, stages_before

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

PLAN_VERSION = 6
"""Version of plans. Increase it with any change that older workers must not ignore. Plans without a version
have version 1."""


_BEGINNING = b'{"number": '
"""Beginning of every manifest that `render_manifest` returns."""


class Checksum(NamedTuple):
    """A digest that the fetched file must have."""

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
    """Name below `/input_dir`; None means Content-Disposition's, else the last component of `source`."""
    directory: str | None = None
    """Directory below `/input_dir`, or None."""
    size: int | None = None
    """In bytes, if known beforehand."""
    checksum: Checksum | None = None


class Command(NamedTuple):
    """One command line of the recipe."""

    text: str
    """The argument of `Plan.shell`."""
    line: int
    """Its line in the recipe's sh_file, counting from 1."""


class VolumeInput(NamedTuple):
    """Files on a volume, which a task `list` finds, since only a task can see them."""

    claim: str
    """The volume claim; mounted read-only at `layout.claim_mount`."""
    path: str
    """Directory on the volume to search, relative to its root; empty means the root."""
    glob: str
    """Pattern of files at any depth, as in `pathlib.Path.rglob`; directories are not matched."""


class Partitioning(NamedTuple):
    """How files are divided among tasks (see `partitioning.divide`); by default there is a single task."""

    strategy: str = "files"
    """`files`: partitions of `size` files each. `size`: the same number of partitions, but of about equal
    bytes. `names`: partitions of at most `size` files, divided where their names differ."""
    size: int | None = None
    """Number of files in a partition."""
    bytes: int | None = None
    """Number of bytes in a partition, instead of `size`; only for the strategy `size`."""
    tasks: int = 1
    """Maximum number of partitions if neither `size` nor `bytes` is given."""
    most: int = 10_000
    """Upper limit on partitions; more are an error."""
    pack: int = 1
    """Maximum number of partitions in one stored object; plans had the default before packs existed."""

    @property
    def divides(self) -> bool:
        """Whether there may be more than one task."""
        return self.tasks > 1 or self.size is not None or self.bytes is not None


REUSE_LABEL = "ogdc/reuse"
"""Label of workflows of which one may reuse the results of another."""
SCOPE_LABEL = "ogdc/reuse-scope"
"""Label of a workflow with the scope of the store that it uses: one user's runs of one recipe."""


class Reuse(NamedTuple):
    """Which results of a plan may be kept for later runs, and reused from earlier ones."""

    base: str
    """Digest of what determines results besides commands, programs and inputs (see `runs.reuse`)."""
    commands: int
    """Number of commands, from the first, with reusable results."""
    most: int = 5 << 30
    """Size limit of what is kept of one partition, in bytes."""
    checked: float = 0.0
    """Share of partitions that are run although their result is known, to compare the results."""


class Plan(NamedTuple):
    """What every partition of a stage does; most runs have one stage."""

    recipe_id: str
    commands: tuple[Command, ...]
    per_file: bool = False
    """Whether each command runs once per item, with INPUT_FILE and OUTPUT_FILE set."""
    command_timeout: float | None = None
    """Time limit of one command in seconds; None means only the workflow's deadline applies."""
    volumes: tuple[VolumeInput, ...] = ()
    """Where `list` searches files; empty if the manifests were written at submission."""
    partitioning: Partitioning = Partitioning()
    variables: tuple[tuple[str, str], ...] = ()
    """Environment variables for commands."""
    recipe: str | None = None
    """Digest of the recipe's own files (see `digests.files_digest`), or None if unknown."""
    shell: tuple[str, ...] = ("sh", "-c")
    """Arguments before a command line; plans had the default before it could be chosen."""
    strict: bool = False
    """Whether a failure in a substitution or in the background fails a bash command; other options of bash
    are in `shell`."""
    items: tuple[str, ...] = ()
    """Glob patterns of the items that commands run for, if `per_file`; empty means all."""
    allowed_failures: str | None = None
    """How many items may fail without failing the run, as a number or percentage; None means none."""
    checks: bool = False
    """Whether to check the outputs of the last command (see `worker.checks`)."""
    warnings_fail: bool = False
    """Whether warnings are failures."""
    cache: bool = True
    """Whether to use the cache of inputs."""
    stage: str = PROCESS
    before: str | None = None
    """The stage with the outputs that are the inputs; None means the recipe's inputs."""
    by_key: bool = False
    """Whether the inputs are directories: each top-level output directory of the previous stage's tasks is a
    *key*. All directories with the same key go to the same task, as `/input_dir/<key>/<task number>`.
    `layout.RESULT`, which is part of the run's result, is not a key."""
    reads: tuple[str, ...] = ()
    """Earlier stages with outputs that every task reads in full, as `/input_dir/<stage>/<task number>`."""
    shares: bool = False
    """Whether every task reads all outputs of the previous stage and does a share of the work, as
    `/input_dir/<share>-of-<shares>/<task number>`. There are at most `partitioning.tasks` shares, and each
    has at least `partitioning.bytes` of the outputs."""
    own: bool = False
    """Whether the commands are programs of this distribution, which the worker's own Python runs."""
    hashes_all: bool = False
    """Whether every output gets a checksum regardless of its size, since it is described as a data set."""
    reuse: Reuse | None = None
    """None if results are neither kept nor reused."""
    version: int = PLAN_VERSION
    """Version of the format of the plan and its manifests."""

    @property
    def after(self) -> list[str]:
        """The stages that have to end before this one begins, each once."""
        return stages_before(self.before, self.reads)

    def to_json(self) -> str:
        """Return it in the stored format."""
        fields = self._asdict() | {
            "commands": [command._asdict() for command in self.commands],
            "volumes": [volume._asdict() for volume in self.volumes],
            "partitioning": self.partitioning._asdict(),
            "reuse": self.reuse and self.reuse._asdict(),
        }
        return json.dumps(fields, ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str | bytes) -> Plan:
        """Parse the output of `to_json`, also of earlier versions.

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
            f"The plan of this run has version {version}, but the worker is older and supports plans only "
            f"up to version {PLAN_VERSION}. Ask the operator to set OGDC_WORKER_IMAGE to the image of the "
            "services' version, and submit again."
        )


class Partition(NamedTuple):
    """The inputs of one task."""

    number: int
    """From 0."""
    files: tuple[InputFile, ...]

    def to_json(self) -> str:
        """Return it in the stored format, without default values, since there may be a million files."""
        return render_manifest(self.number, ",".join(map(render_file, self.files)))

    @classmethod
    def from_json(cls, text: str | bytes) -> Partition:
        """Parse the output of `to_json`."""
        fields: dict[str, Any] = json.loads(text)
        return cls(number=fields["number"], files=tuple(_input_file(f) for f in fields["files"]))


class Division(NamedTuple):
    """Number of files and bytes of each partition of a run."""

    files: tuple[int, ...]
    """Number of files of each partition."""
    sizes: tuple[int | None, ...]
    """Bytes of each partition; None if a file's size is unknown."""

    def total_size(self) -> int | None:
        """Return the bytes of all files; None if a file's size is unknown."""
        known = [size for size in self.sizes if size is not None]
        return sum(known) if len(known) == len(self.sizes) else None

    def to_json(self) -> str:
        """Return it in the stored format."""
        return json.dumps(self._asdict(), separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str | bytes) -> Division:
        """Parse the output of `to_json`."""
        fields: dict[str, Any] = json.loads(text)
        return cls(files=tuple(fields["files"]), sizes=tuple(fields["sizes"]))


def render_file(file: InputFile) -> str:
    """Return a file of a manifest as one line of JSON, without default values.

    Done by hand, because a run may have a million files, and `json.dumps` takes four times as long.
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
    """Parse the output of `render_file`."""
    return _input_file(json.loads(text))


def render_manifest(number: int, files: str) -> str:
    """Return a partition's manifest; `files` are the outputs of `render_file`, joined by commas."""
    return f'{{"number": {number}, "files": [{files}]}}'


def seal_pack(pack: bytes, proof: list[str]) -> bytes:
    """Append the proof that a pack belongs to its run (see `digests.HashTree`) as a line."""
    return pack + b"\n" + json.dumps(proof).encode()


def split_pack(stored: bytes) -> tuple[bytes, bytes]:
    """Split a stored pack into pack and proof; the proof of an earlier version's pack is empty.

    A pack may have several lines, each a JSON object; the proof's line is a list.
    """
    pack, mark, proof = stored.partition(b"\n[")
    return pack, mark[1:] + proof


def find_manifest(pack: bytes, number: int | None) -> bytes | None:
    """Return a partition's manifest from a pack, or the first one if `number` is None; None if it is missing.

    In earlier versions, a manifest was a pack of its own. The beginning of a manifest occurs nowhere else,
    because quotes in JSON strings are escaped.
    """
    start = pack.find(_BEGINNING if number is None else b"%s%d, " % (_BEGINNING, number))
    if start < 0:
        return None
    end = pack.find(b"\n" + _BEGINNING, start)
    return pack[start:end] if end >= 0 else pack[start:]


def manifests_of(pack: bytes) -> Iterator[bytes]:
    """Split a pack into its manifests."""
    first, *others = pack.split(b"\n" + _BEGINNING)
    yield first
    yield from (_BEGINNING + each for each in others)


def _input_file(fields: dict[str, Any]) -> InputFile:
    checksum = fields.pop("checksum", None)
    return InputFile(**fields, checksum=Checksum(**checksum) if checksum else None)
