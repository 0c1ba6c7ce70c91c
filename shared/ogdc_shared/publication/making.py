"""Building the package of a run in a directory: copying its data, and writing its metadata.

Everything written is derived from the run, so writing it again, also elsewhere, gives the same bytes.
"""

from __future__ import annotations

import tempfile
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from ogdc_shared.dataone.member import ACCOUNT, OUTPUT, PROGRAM, Member
from ogdc_shared.dataone.seen import ITEMS, read_items
from ogdc_shared.errors import InvalidRequestError
from ogdc_shared.layout import COMPANIONS
from ogdc_shared.publication.describing import CRATE, DATA, Draft, member
from ogdc_shared.publication.package import Package, read_ledger, write_ledger
from ogdc_shared.several import several
from ogdc_shared.storage.files import replacing
from ogdc_shared.walking import walk

if TYPE_CHECKING:
    from ogdc_shared.provenance.reading import Entry
    from ogdc_shared.publication.account import Origin, Result

_COMPANIONS = frozenset(name for name, _ in COMPANIONS)


def make_package(result: Result, directory: Path) -> Package:
    """Build the package of a run, or read the existing one.

    Args:
        result: The run's result.
        directory: The target: new, empty, or used for this before.

    Raises:
        InvalidRequestError: the directory contains something else, something that a package requires is
            missing, or the result is not what the run made.
        OgdcError: the result cannot be read.
        OSError: something cannot be written.
    """
    begun = read_ledger(directory)
    if begun is not None and begun.run != result.run:
        raise InvalidRequestError(f"{directory} is the package of run {begun.run}. Name a new directory.")
    if begun is not None and begun.members:
        return Draft.again(begun, directory, result).write(directory) if result.is_described_anew else begun
    directory.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="ogdc-publish-") as scratch:
        crate = result.crate(Path(scratch, "crate"))
        origin = result.origin(crate)
        package = Package.of(result.run, origin)
        write_ledger(directory, package)
        data = tuple(_data(result, package, directory, origin, crate))
    seen = read_items(directory / DATA)
    return Draft(package._replace(members=data), origin, seen=seen).write(directory)


def _data(result: Result, package: Package, directory: Path, origin: Origin, crate: Path) -> Iterator[Member]:
    """Bring a package's data into its directory."""
    outputs = origin.account.outputs
    program = f"recipe/{origin.recipe.program}"
    paths = [*result.paths()]
    for path in paths:  # the metadata repeat what the items say about the data
        if path.startswith(f"{ITEMS}/") and path not in outputs:
            result.bring(path, directory / DATA / path)
    for path in _paths(result, paths, outputs, taken=(program, CRATE)):
        file = f"{DATA}/{path}"
        result.bring(path, directory / file)
        made = member(package, directory, OUTPUT, path, file)
        if (known := outputs.get(path)) and not _is_it(made, known):
            raise InvalidRequestError(
                f"{path} was changed after run {package.run} made it: {_difference(made, known)}. Run the "
                "recipe again and publish that run."
            )
        yield made
    with replacing(directory / program) as file_:
        file_.write(result.program(crate, origin))
    yield member(package, directory, PROGRAM, program, program)
    _pack(crate, directory / CRATE)
    yield member(package, directory, ACCOUNT, CRATE, CRATE)


def _paths(
    result: Result, there: Iterable[str], outputs: Collection[str], *, taken: tuple[str, ...]
) -> list[str]:
    """Return the files of a result that are data, before any of them is fetched.

    Args:
        result: The result.
        there: All of its files.
        outputs: The outputs of its run.
        taken: Paths of files that the package itself adds to the data.

    Raises:
        InvalidRequestError: files are missing, there are none, or they have the names of added files.
    """
    paths = [
        path
        for path in there  # the crate is packed, and the links of a catalogue would be broken in a package
        if path.partition("/")[0] not in _COMPANIONS or path in outputs
    ]
    if missing := sorted({*outputs}.difference(paths)):
        raise InvalidRequestError(
            f"The result of run {result.run} no longer contains {several([repr(each) for each in missing])}, "
            "which the run made. Run the recipe again and publish that run."
        )
    if not paths:
        raise InvalidRequestError(f"Run {result.run} has no outputs, so there is nothing to publish.")
    if clashes := [path for path in paths if any(_overlap(path, each) for each in taken)]:
        raise InvalidRequestError(
            f"{several([repr(each) for each in clashes])} cannot be part of a package, because a package "
            f"adds {' and '.join(taken)}. Rename the outputs in the recipe."
        )
    return paths


def _overlap(one: str, other: str) -> bool:
    """Whether two paths exclude each other: they are equal, or one would be a directory of the other."""
    return f"{one}/".startswith(f"{other}/") or other.startswith(f"{one}/")


def _is_it(member: Member, entry: Entry) -> bool:
    """Whether a file is what the run made, by its SHA-256, or by its size if the crate has no SHA-256."""
    if entry.checksum.startswith("sha256:"):
        return entry.checksum == f"sha256:{member.sha256}"
    return entry.size in {"", str(member.size)}


def _difference(member: Member, entry: Entry) -> str:
    """Return what differs between a file and what the run made."""
    if entry.checksum.startswith("sha256:"):
        return f"its checksum is sha256:{member.sha256} instead of {entry.checksum}"
    return f"it has {member.size} bytes instead of {entry.size}"


def _pack(crate: Path, target: Path) -> None:
    """Pack a crate; the same crate gives the same bytes."""
    with replacing(target) as file, ZipFile(file, "w", ZIP_DEFLATED) as archive:
        for name, entry in sorted(walk(str(crate))):
            if entry.is_file(follow_symlinks=False):
                info = ZipInfo(name)
                info.compress_type, info.external_attr = ZIP_DEFLATED, 0o644 << 16
                archive.writestr(info, Path(entry.path).read_bytes())
