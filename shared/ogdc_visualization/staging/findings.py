"""Problems of the rows of a file, collected until all are read and then reported in one sentence each."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Warn = Callable[[str], None]

_SHOWN = 5
_SINGULAR = {"have": "has", "lie": "lies", "were": "was"}
"""The verbs that findings begin with."""


class Findings:
    """Counts unusual rows by what is unusual about them.

    Attributes:
        first: The number, in the file, of the first row of the current batch.
    """

    def __init__(self) -> None:
        self.first = 0
        self._counts: dict[str, int] = {}
        self._rows: dict[str, list[int]] = {}

    def add(self, which: NDArray[np.bool_], words: str) -> None:
        """Note which of the rows (n,) of the batch a finding is about; its first word is a plural verb."""
        rows = np.flatnonzero(which)
        if len(rows):
            self._counts[words] = self._counts.get(words, 0) + len(rows)
            shown = self._rows.setdefault(words, [])
            shown += (rows[: _SHOWN - len(shown)] + self.first).tolist()

    def add_some(self, rows: NDArray[np.int64], which: NDArray[np.bool_], words: str) -> None:
        """Note of some of the rows that are looked at, by their positions (k,), which (k,) it is about."""
        found = np.zeros(int(rows.max(initial=-1)) + 1, bool)
        found[rows[which]] = True
        self.add(found, words)

    def tell(self, filename: str, warn: Warn) -> None:
        """Warn of each finding, with the number of rows and the first few of them."""
        for words, count in self._counts.items():
            shown = ", ".join(map(str, self._rows[words])) + (", …" if count > _SHOWN else "")
            verb, _, rest = words.partition(" ")
            verb, rows = (_SINGULAR[verb], "row") if count == 1 else (verb, "rows")
            warn(f"{filename}: {count} {rows} {verb} {rest} ({rows} {shown})")
