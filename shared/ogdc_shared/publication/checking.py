"""Checks of a package before it is published: what would be sent, and whether it is valid."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ogdc_shared.dataone.member import METADATA, Member
from ogdc_shared.dataone.system_metadata import Rights, orcid_subject, system_metadata
from ogdc_shared.dataone.validation import eml_validator, system_metadata_validator
from ogdc_shared.publication.package import Package
from ogdc_shared.storage.files import replacing

SYSTEM_METADATA = "system-metadata"


def system_metadata_of(package: Package, member: Member, *, writers: tuple[str, ...] = ()) -> bytes:
    """Return the system metadata of an object; those of the metadata include the series of versions.

    Args:
        package: Its package.
        member: The object.
        writers: Subjects that may change it, in addition to the rights holder.
    """
    rights = Rights(orcid_subject(package.owner), package.is_public, writers)
    return system_metadata(member, rights, series=package.series if member.role == METADATA else None)


def write_system_metadata(package: Package, directory: Path) -> Iterator[tuple[Member, bytes]]:
    """Write the system metadata of each object to a file for inspection, and yield them."""
    for number, member in enumerate(package.members, start=1):
        written = system_metadata_of(package, member)
        with replacing(directory / SYSTEM_METADATA / f"{number}.xml", sync=False, sync_name=False) as file:
            file.write(written)
        yield member, written


def problems(package: Package, directory: Path) -> Iterator[str]:
    """Yield the problems of a package that validation against the installed schemas finds."""
    eml, system = eml_validator(), system_metadata_validator()
    for member, written in write_system_metadata(package, directory):
        for problem in system.problems(written) if system else ():
            yield f"System metadata of {member.path}: {problem}"
        if eml and member.role == METADATA:
            for problem in eml.problems((directory / member.file).read_bytes()):
                yield f"{member.file}: {problem}"


def validated() -> Iterator[str]:
    """Yield which documents of a package without problems were validated against their schemas."""
    if eml_validator() is not None:
        yield "The metadata are valid EML."
    if system_metadata_validator() is not None:
        yield "The system metadata are valid."


def unchecked() -> Iterator[str]:
    """Yield which documents were not validated, because their schemas are not installed."""
    if eml_validator() is None:
        yield "The metadata were not validated, because EML's schemas are missing: pip install emlvp lxml"
    if system_metadata_validator() is None:
        yield (
            "The system metadata were not validated, because DataONE's schemas are missing: "
            "pip install dataone.common lxml"
        )


def advice(package: Package) -> Iterator[str]:
    """Yield what the schemas allow but some nodes reject or may mislead readers.

    Source: Metacat 3.3.0, which rejects empty objects.
    """
    if package.coverage_problem:
        yield package.coverage_problem
    for member in package.members:
        if member.size == 0:
            yield f"{member.path} is empty, and some nodes (Metacat) reject empty objects."
