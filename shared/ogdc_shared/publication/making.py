"""Making the package of a run in a directory: bringing what belongs to it, and writing what describes it.

All that is written follows from the run, so that it is the same whenever, and wherever, it is written again.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from ogdc_shared.dataone.member import ACCOUNT, OUTPUT, PROGRAM, Member
from ogdc_shared.errors import InvalidRequestError
from ogdc_shared.layout import COMPANIONS
from ogdc_shared.publication.describing import CRATE, Draft, member
from ogdc_shared.publication.package import Package, read_ledger, write_ledger
from ogdc_shared.storage.files import replacing
from ogdc_shared.walking import walk

if TYPE_CHECKING:
    from ogdc_shared.provenance.reading import Entry
    from ogdc_shared.publication.account import Origin, Result

DATA = "data"
"""The directory with the result, in that of its package."""
_COMPANIONS = frozenset(name for name, _ in COMPANIONS)


def make_package(result: Result, directory: Path) -> Package:
    """Make the package of a run, or read the one that is there.

    Args:
        result: The run's.
        directory: Where to; a new one, an empty one, or one that this was called with before.

    Raises:
        InvalidRequestError: the directory holds something else, or something is missing for a package.
        OgdcError: the result cannot be had.
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
    return Draft(package._replace(members=data), origin).write(directory)


def _data(result: Result, package: Package, directory: Path, origin: Origin, crate: Path) -> Iterator[Member]:
    """Bring a package's data into its directory."""
    found, outputs = False, origin.account.outputs
    for path in result.paths():
        if path.partition("/")[0] in _COMPANIONS and path not in outputs:
            continue  # the crate is packed below, and from a package the links of a catalogue lead nowhere
        found = True
        file = f"{DATA}/{path}"
        result.bring(path, directory / file)
        made = member(package, directory, OUTPUT, path, file)
        if (known := outputs.get(path)) and not _is_it(made, known):
            raise InvalidRequestError(
                f"{path} is not what run {package.run} made: it was changed since. Run the recipe again."
            )
        yield made
    if not found:
        raise InvalidRequestError(f"Run {package.run} has no outputs; there is nothing to publish.")
    program = f"recipe/{origin.recipe.program}"
    with replacing(directory / program) as file_:
        file_.write(result.program(crate, origin))
    yield member(package, directory, PROGRAM, program, program)
    _pack(crate, directory / CRATE)
    yield member(package, directory, ACCOUNT, CRATE, CRATE)


def _is_it(member: Member, entry: Entry) -> bool:
    """Whether a file is what the run made: by its checksum, or where there is none by its size."""
    if entry.checksum.startswith("sha256:"):
        return entry.checksum == f"sha256:{member.sha256}"
    return entry.size in {"", str(member.size)}


def _pack(crate: Path, target: Path) -> None:
    """Pack a crate so that it has the same bytes each time."""
    with replacing(target) as file, ZipFile(file, "w", ZIP_DEFLATED) as archive:
        for name, entry in sorted(walk(str(crate))):
            if entry.is_file(follow_symlinks=False):
                info = ZipInfo(name)
                info.compress_type, info.external_attr = ZIP_DEFLATED, 0o644 << 16
                archive.writestr(info, Path(entry.path).read_bytes())
