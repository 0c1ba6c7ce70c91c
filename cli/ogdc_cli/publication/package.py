"""A package in a directory, and the file that says what is in it: identifiers are chosen once, and kept."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

from ogdc_shared.dataone.member import Member
from ogdc_shared.errors import InvalidRequestError
from ogdc_shared.storage.files import replacing

LEDGER = "package.json"


class Package(NamedTuple):
    """The package of a run."""

    run: str
    """The run's name."""
    run_id: str
    title: str
    owner: str
    """ORCID iD of the rights holder."""
    is_public: bool
    members: tuple[Member, ...] = ()
    """In the order in which they are sent: data, metadata, map. Empty: they are not all there yet."""

    @property
    def metadata_id(self) -> str:
        """The identifier of the metadata, by which the package is cited."""
        return self.members[-2].pid


def write_ledger(directory: Path, package: Package) -> None:
    """Write down what is in a package, in one step.

    Raises:
        OSError: it cannot be written.
    """
    members = [member._asdict() for member in package.members]
    with replacing(directory / LEDGER) as file:
        file.write(json.dumps(package._asdict() | {"members": members}, indent=1).encode() + b"\n")


def read_ledger(directory: Path) -> Package | None:
    """Read what is in a package; None: there is none yet.

    Raises:
        InvalidRequestError: the directory holds something else.
    """
    path = directory / LEDGER
    if not path.exists():
        if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
            raise InvalidRequestError(
                f"{directory} is there already, and is no package. Name a new directory."
            )
        return None
    try:
        fields: dict[str, Any] = json.loads(path.read_bytes())
        return Package(**fields | {"members": tuple(Member.of(each) for each in fields["members"])})
    except (ValueError, TypeError, KeyError, RecursionError) as exc:
        raise InvalidRequestError(f"{path} is damaged ({type(exc).__name__}). Remove {directory}.") from exc
