"""Warnings about the outputs of successful commands; only imported if there is something to warn about."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ogdc_worker.process.outputs import OutputDefects
    from ogdc_worker.process.unheeded_errors import Unheeded

_MAX_LINKS = 5
_KEEP = (
    "Carry them along in the same line (`ln -s FILE /output_dir/` takes no room), or write the data "
    "themselves (gdal_translate, ogr2ogr)."
)
_PUBLISH = (
    "Write the data themselves (gdal_translate, ogr2ogr), or copy the files into /output_dir and make the "
    "index of these copies."
)
_SPARE = "If nothing reads it any more, write it to /tmp instead."


def about_unheeded(command: str, unheeded: Unheeded) -> str:
    """Return the message that a program continued after an error."""
    _, writer, first, count = unheeded
    more = f" (and {count - 1} more such lines)" if count > 1 else ""
    return f"{command} ended with 0 although {writer} wrote: {first}{more}"


def about_outputs(command: str, left: OutputDefects, *, is_last: bool) -> Iterator[tuple[str, str]]:
    """Yield kind and message of each warning."""
    if left.is_empty:
        so = "" if is_last else ", so the next command finds nothing of it in /input_dir"
        yield "empty_output", f"{command} left nothing in /output_dir{so}"
    if left.dangling:
        shown = ", ".join(map(repr, left.dangling[:_MAX_LINKS]))
        more = len(left.dangling) - _MAX_LINKS
        yield (
            "dangling_link",
            f"{command} left links that lead nowhere: {shown}{f' and {more} more' if more > 0 else ''}",
        )
    if left.unlisted:
        name = os.fsencode(left.unlisted[0]).decode(errors="backslashreplace")
        yield (
            "odd_name",
            f"{command} left '{name}'{_others(left.unlisted)}, and this name is not UTF-8: lists of "
            "outputs omit the file, and a zip cannot contain it. Rename it.",
        )
    if left.control:
        yield (
            "odd_name",
            f"{command} left {left.control[0]!r}{_others(left.control)}, and this name has control "
            "characters, as if a script with Windows line ends had written it. Rename it.",
        )
    if left.alike:
        first, second = left.alike[0]
        yield (
            "odd_name",
            f"{command} left {first!r} and {second!r}{_others(left.alike)}, which are one file on Windows "
            "or macOS: readers there get only one of the two. Rename one.",
        )
    for lost in left.lost:
        if not lost.certain:
            yield "lost_reference", f"{command} left {lost}; {_who(is_last=is_last)} will not find them there"


def _others(found: Sequence[object]) -> str:
    return f" (and {len(found) - 1} more like it)" if len(found) > 1 else ""


def refusal(command: str, left: OutputDefects, *, is_last: bool) -> str:
    """Return why the outputs would not work for their next reader; empty if they would."""
    broken = [lost for lost in left.lost if lost.certain]
    if not broken:
        return ""
    others = len(broken) - 1
    more = f" {others} other {'file is' if others == 1 else 'files are'} like it." if others else ""
    return (
        f"{command} ended with 0, but left {broken[0]}; {_who(is_last=is_last)} will not find them there, "
        f"and GDAL would read zeros.{more} {_PUBLISH if is_last else _KEEP} {_SPARE}"
    )


def _who(*, is_last: bool) -> str:
    return "who reads the published data" if is_last else "the next command"
