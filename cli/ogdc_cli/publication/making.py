"""Making the package of a run in a directory: fetching what belongs to it, and writing what describes it.

All that is written follows from the run, so that it is the same whenever, and wherever, it is written again.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from ogdc_cli.crates import fetch_crate
from ogdc_cli.publication.account import Account, metadata_of, read_account
from ogdc_cli.publication.describing import CRATE, describe, describe_again, member
from ogdc_cli.publication.package import Package, read_ledger, write_ledger
from ogdc_shared.dataone.member import ACCOUNT, OUTPUT, PROGRAM, Member
from ogdc_shared.errors import InvalidRequestError
from ogdc_shared.layout import COMPANIONS
from ogdc_shared.storage.files import replacing
from ogdc_shared.walking import walk

if TYPE_CHECKING:
    from ogdc_cli.api import ApiClient
    from ogdc_cli.reproduce.comparison import Entry

_DATA = "data"
_COMPANIONS = frozenset(name for name, _ in COMPANIONS)


def make_package(client: ApiClient, name: str, directory: Path, *, metadata: Path | None) -> Package:
    """Make the package of a run, or read the one that is there.

    Args:
        client: Of the deployment that has the run.
        name: The run's.
        directory: Where to; a new one, an empty one, or one that this was called with before.
        metadata: See `account.metadata_of`.

    Raises:
        InvalidRequestError: the directory holds something else, or something is missing for a package.
        ApiError: the deployment refuses or does not answer.
        OSError: something cannot be written.
    """
    begun = read_ledger(directory)
    if begun is not None and begun.run != name:
        raise InvalidRequestError(f"{directory} is the package of run {begun.run}. Name a new directory.")
    if begun is not None and begun.members:
        return describe_again(begun, directory, metadata=metadata) if metadata else begun
    directory.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="ogdc-publish-") as scratch:
        crate = fetch_crate(client, name, Path(scratch, "crate"))
        account = read_account(crate, name)
        words = metadata_of(account, metadata)
        package = Package.of(name, account.run_id, account.recipe.id, words.metadata)
        write_ledger(directory, package)
        data = tuple(_data(client, package, directory, account, crate))
    return describe(package, directory, account, words, data)


def _data(
    client: ApiClient, package: Package, directory: Path, account: Account, crate: Path
) -> Iterator[Member]:
    """Bring a package's data into its directory."""
    found = False
    for output in client.outputs(package.run):
        if output.path.partition("/")[0] in _COMPANIONS and output.path not in account.outputs:
            continue  # the crate is packed below, and from a package the links of a catalogue lead nowhere
        found = True
        file = f"{_DATA}/{output.path}"
        if not (directory / file).exists():
            client.download_file(package.run, output.path, directory / file)
        made = member(package, directory, OUTPUT, output.path, file)
        if (known := account.outputs.get(output.path)) and not _is_it(made, known):
            raise InvalidRequestError(
                f"{output.path} is not what run {package.run} made: it was changed since. "
                "Run the recipe again."
            )
        yield made
    if not found:
        raise InvalidRequestError(f"Run {package.run} has no outputs; there is nothing to publish.")
    program = account.program
    with replacing(directory / "recipe" / program) as file_:
        file_.write((crate / "recipe" / program).read_bytes())
    yield member(package, directory, PROGRAM, f"recipe/{program}", f"recipe/{program}")
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
