"""Inputs that cannot be fetched and are left out, if the recipe allows it (`parallel.allowed_failures`)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ogdc_shared.errors import SourceUnavailableError
from ogdc_shared.items import item_paths, members_of
from ogdc_worker.missing_items import FETCHING, Missing, MissingItems, exceeds_number, note

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from ogdc_shared.errors import OgdcError
    from ogdc_shared.plan import InputFile


class MissingInputs:
    """The items to leave out because one of their files, such as a shapefile's .dbf, could not be fetched."""

    def __init__(
        self, files: Sequence[InputFile], allowed: str, *, report: Callable[[str, str], None]
    ) -> None:
        """Start with nothing missing.

        Args:
            files: The partition's inputs.
            allowed: How many items may be missing, as a number or percentage.
            report: Called with the source of each input that is left out and the reason.
        """
        self._files = files
        self._allowed = allowed
        self._report = report
        self._paths, directories = item_paths(files)
        self._items = members_of(self._paths, directories)
        self._items_of: dict[int, list[int]] = {}
        for item, members in enumerate(self._items):
            for number in members:
                self._items_of.setdefault(number, []).append(item)
        self._missing: dict[int, Missing] = {}

    def add(self, number: int, error: OgdcError) -> None:
        """Leave out an input and every item that it belongs to.

        Raises:
            OgdcError: `error`, if too many are missing. If a server is unavailable, even a percentage applies
                to the partition alone, since a retry of the task may succeed.
        """
        for item in self._items_of[number]:
            name = self._paths[self._items[item][0]].rpartition("/")[2]
            self._missing.setdefault(item, Missing(name, None, None, None, str(error)))
        if exceeds_number(len(self._missing), self._allowed):
            raise error
        if isinstance(error, SourceUnavailableError) and self._account().exceeds(self._allowed):
            raise error
        self._report(self._files[number].source, str(error))

    def positions(self) -> Iterator[int]:
        """Return the indexes of all inputs that are left out: not those that another item has as well."""
        return (
            number for number, items in self._items_of.items() if all(item in self._missing for item in items)
        )

    def leave_account(self, workspace: str) -> None:
        """Record the missing items for `publish`, replacing the record of an earlier try."""
        note(workspace, number=FETCHING, items=len(self._items), missing=self._missing.values())

    def _account(self) -> MissingItems:
        return MissingItems(len(self._items), tuple(self._missing.values()))
