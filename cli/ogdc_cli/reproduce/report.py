"""Reproducing a run, and reporting the result."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from ogdc_cli.amounts import counted
from ogdc_cli.outcome import failure
from ogdc_cli.reproduce.comparison import (
    Compared,
    Verdict,
    compare_entries,
    inside,
    look_closer,
    undecided,
)
from ogdc_cli.reproduce.contents import Contents
from ogdc_cli.reproduce.original import Original
from ogdc_cli.reproduce.rerun import Rerun, rerun
from ogdc_shared.phases import Phase
from ogdc_shared.provenance.reading import read_files
from ogdc_shared.several import several


class Reproduction(NamedTuple):
    """What came of running a recipe again."""

    run: str
    status: str
    message: str | None
    inputs: tuple[Compared, ...]
    outputs: tuple[Compared, ...]

    @property
    def is_good(self) -> bool:
        """Whether the same inputs gave the same outputs."""
        is_same = all(each.verdict.is_good for each in (*self.inputs, *self.outputs))
        return self.status == Phase.SUCCEEDED and bool(self.outputs) and is_same


def reproduce(original: Original, *, quiet: bool) -> Reproduction:
    """Run the recipe of a run again on this machine, and compare.

    Raises:
        OgdcError: the crate cannot be used, or the recipe is refused.
        OSError: something cannot be written.
    """
    with tempfile.TemporaryDirectory(prefix="ogdc-reproduce-") as scratch:
        again = rerun(original, scratch=Path(scratch), quiet=quiet)
        succeeded = again.run.status == Phase.SUCCEEDED
        return Reproduction(
            again.run.name,
            again.run.status,
            None if succeeded else failure(again.run),
            tuple(compare_entries(*(read_files(each, "input") for each in (original.crate, again.crate)))),
            tuple(_outputs(original, again)) if succeeded else (),
        )


def _outputs(original: Original, again: Rerun) -> Iterator[Compared]:
    contents = Contents()
    entries, entries_now = (read_files(each, "output") for each in (original.crate, again.crate))
    for each in compare_entries(entries, entries_now):
        entry, now = entries.get(each.path), inside(again.outputs, each.path)
        then = original.made(each.path, entry) if entry else None
        if then and now:
            yield look_closer(each, then, now, contents.compare)
        elif entry and not then and original.outputs and inside(original.outputs, each.path):
            yield Compared(each.path, Verdict.ALTERED, ("the available original is not what the run made",))
        else:
            yield undecided(each, f"the original is not available: {original.reason}")


def lines(reproduction: Reproduction) -> Iterator[str]:
    """Yield the lines of the report."""
    if reproduction.message:
        yield reproduction.message
    for role, files in (("Inputs", reproduction.inputs), ("Outputs", reproduction.outputs)):
        counts = Counter(each.verdict for each in files)
        yield f"{role}: {', '.join(f'{count} {verdict}' for verdict, count in counts.items()) or 'none'}."
        if alike := [each.path for each in files if each.verdict == Verdict.SAME_CONTENT]:
            yield f"  The bytes differ, but GDAL reads the same content: {several(alike)}."
        for each in files:
            if not each.verdict.is_good:
                yield f"  {each.path}: {each.verdict}" + "".join(f"; {detail}" for detail in each.details)
    yield _conclusion(reproduction)


def _conclusion(reproduction: Reproduction) -> str:
    if reproduction.is_good:
        return f"Reproduced by run {reproduction.run}."
    if reproduction.message:
        return "Not reproduced: the new run did not succeed."
    if not all(each.verdict.is_good for each in reproduction.inputs):
        return "Not reproduced: the inputs have changed."
    bad = Counter(each.verdict for each in reproduction.outputs if not each.verdict.is_good)
    if {*bad} == {Verdict.UNKNOWN}:
        return (
            "Undecided: different bytes may have the same content, but the originals are not available. Name "
            "their directory with --outputs."
        )
    if not bad:
        return "Not reproduced: there are no outputs."
    found = ", ".join(f"{count} {verdict}" for verdict, count in bad.items())
    outputs = counted(len(reproduction.outputs), "output")
    return f"Not reproduced: the inputs are the same, but of {outputs}, {found}."
