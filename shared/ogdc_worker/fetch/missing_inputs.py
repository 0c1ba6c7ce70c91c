"""Inputs that a partition does without, where the recipe allows that (`parallel.allowed_failures`)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ogdc_shared.errors import SourceUnavailableError
from ogdc_shared.items import item_path, members_of
from ogdc_worker.missing_items import FETCHING, Missing, MissingItems, exceeds_number, note

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from ogdc_shared.errors import OgdcError
    from ogdc_shared.plan import InputFile


class MissingInputs:
    """The items of which an input cannot be fetched: a shapefile without its .dbf is none."""

    def __init__(
        self, files: Sequence[InputFile], allowed: str, *, report: Callable[[str, str], None]
    ) -> None:
        """Nothing is missing yet.

        Args:
            files: Of the partition.
            allowed: How many items may be missing, or which share of them.
            report: Called with the source of each input that is done without, and why it cannot be had.
        """
        self._files = files
        self._allowed = allowed
        self._report = report
        self._items = members_of([item_path(file) for file in files])
        self._item_of = {number: item for item, members in enumerate(self._items) for number in members}
        self._missing: dict[int, Missing] = {}

    def add(self, number: int, error: OgdcError) -> None:
        """Do without an input, and without all that belongs to it.

        Raises:
            OgdcError: this error, where that is too much. Of what a server that is away has, the partition
                may not lack a larger share than the run: another try of the task may help.
        """
        item = self._item_of[number]
        main = self._files[self._items[item][0]]
        name = main.name or item_path(main).rpartition("/")[2]
        self._missing.setdefault(item, Missing(name, None, None, None, str(error)))
        if exceeds_number(len(self._missing), self._allowed):
            raise error
        if isinstance(error, SourceUnavailableError) and self._account().exceeds(self._allowed):
            raise error
        self._report(self._files[number].source, str(error))

    def positions(self) -> Iterator[int]:
        """Which inputs are left out."""
        return (number for item in self._missing for number in self._items[item])

    def leave_account(self, workspace: str) -> None:
        """Have `publish` count them, in place of those that an earlier try of the task lacked."""
        note(workspace, number=FETCHING, items=len(self._items), missing=self._missing.values())

    def _account(self) -> MissingItems:
        return MissingItems(len(self._items), tuple(self._missing.values()))
