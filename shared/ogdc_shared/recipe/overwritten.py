"""Advice on files that a line overwrites: in each turn of a loop, or while it still reads them.

Source: the Bash Reference Manual, "Redirections": a file is emptied before the program starts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import TYPE_CHECKING

from ogdc_shared.recipe.attempts import LEAVING
from ogdc_shared.recipe.read_loops import FILTERS
from ogdc_shared.recipe.syntax import name_of, nodes, short, text_of, unquoted

if TYPE_CHECKING:
    from tree_sitter import Node

_WRITERS = frozenset({"ogr2ogr", "gdal_translate", "gdaldem", "gdal_grid", "gdal_calc.py", "cp", "mv"})
"""Programs that replace an existing output; gdalwarp and gdal_rasterize add to one."""
_ADDING = frozenset({"-append", "-update", "-upsert", "-addfields"})
_OUTPUT = r"(?:/output_dir|\$OUTPUT_DIR|\$\{OUTPUT_DIR\})"
_FILE = re.compile(rf"{_OUTPUT}/[^$`*?\[{{]*\.\w+")
"""The path of a file that is the same in each turn."""
_RELATIVE = re.compile(r"[^$`*?\[{/-][^$`*?\[{]*\.\w+")
_PATH = re.compile(rf"{_OUTPUT}/|[\w$][\w.${{}}()-]*\.(?:gpkg|geojson|shp|fgb|tif|csv)$")
"""What may be an output: a path in the output directory, or a bare name with an extension."""
_REPEATING = frozenset({"find", "xargs", "parallel"})
_QUOTES = re.compile("[\"']")
_EXPANSION = re.compile(r"\$(?:\{(\w+)\}|(\w+))", re.ASCII)
_END_OF_EXEC = frozenset({"\\;", "';'", '";"'})
_READING = frozenset({"-clipsrc", "-clipdst", "-cutline"})
_ENTERED = re.compile(rf'\bcd\s+"?{_OUTPUT}')


def overwritten_outputs(root: Node) -> Iterator[str]:
    """Yield advice on the first output that each turn of a loop replaces."""
    constant = _RELATIVE if _ENTERED.search(text_of(root)) else _FILE
    values = _constants(root)
    for loop in nodes(root, "for_statement", "while_statement"):
        body = loop.child_by_field_name("body")
        names = _variables(loop)
        if body is None or not names or any(name_of(node) in LEAVING for node in nodes(body, "command")):
            continue
        used = re.compile(rf"\$\{{?(?:{'|'.join(map(re.escape, names))})\b")
        for statement in nodes(body, "redirected_statement", "command"):
            path = _output(statement, constant, values)
            turns = _filled_in(_QUOTES.sub("", text_of(body)), values)
            if path and used.search(text_of(statement)) and turns.count(path) == 1:
                yield _replaced(path, "in each turn of a loop", "the loop's variable")
                return
    for command in nodes(root, "command"):
        words = [unquoted(word) for word in command.named_children if text_of(word) not in _END_OF_EXEC]
        if name_of(command) in _REPEATING and "{}" in words and not words[-1].endswith("+"):
            started = next((at for at, word in enumerate(words) if word in _WRITERS), len(words))
            path = _replaced_output([_filled_in(word, values) for word in words[started:]], constant)
            if path:
                yield _replaced(path, "for each file", "{}")
                return


def emptied_inputs(root: Node) -> Iterator[str]:
    """Yield advice on the first file that the shell empties before a program of the same pipe reads it."""
    for statement in nodes(root, "redirected_statement"):
        for redirect in statement.named_children:
            written = text_of(redirect.child_by_field_name("destination")) if _empties(redirect) else ""
            if written and not written.startswith("/dev/") and written in _read_files(statement):
                yield (
                    f"reads and writes {short(written)}, which the shell empties first. Write another file, "
                    "and rename it with mv."
                )
                return


def _read_files(statement: Node) -> set[str]:
    """The files that filters read, in a pipe, by name or by `<`."""
    body = statement.named_children[0]
    programs = body.named_children if body.type == "pipeline" else [body]
    inputs = (each.child_by_field_name("destination") for each in statement.named_children if _is_read(each))
    return {
        *(text_of(word) for each in programs if name_of(each) in FILTERS for word in each.named_children[1:]),
        *map(text_of, inputs),
    }


def _empties(redirect: Node) -> bool:
    """Whether a redirection writes standard output to a file anew."""
    return redirect.type == "file_redirect" and re.match(r"1?>[^>&]", text_of(redirect)) is not None


def _is_read(redirect: Node) -> bool:
    return redirect.type == "file_redirect" and text_of(redirect).startswith("<")


def _replaced(path: str, when: str, name: str) -> str:
    return (
        f"writes {short(path)} {when}, so only the last one remains. Use {name} in its name, or append: "
        "`>>`, `ogr2ogr -append`."
    )


def _variables(loop: Node) -> set[str]:
    """The variables that have another value in each turn."""
    names = {text_of(node.child_by_field_name("name")) for node in nodes(loop, "variable_assignment")}
    if loop.type == "for_statement":
        return names | {text_of(loop.child_by_field_name("variable"))}
    body = loop.child_by_field_name("body")
    for part in loop.named_children:
        for command in () if part == body else nodes(part, "command"):
            if name_of(command) == "read":
                return names | {text_of(word) for word in command.named_children if word.type == "word"}
    return set()


def _constants(root: Node) -> dict[str, str]:
    """The values of the variables that a line assigns once, without expansions."""
    assigned: dict[str, str | None] = {}
    for node in nodes(root, "variable_assignment"):
        name, value = text_of(node.child_by_field_name("name")), node.child_by_field_name("value")
        is_constant = value is not None and name not in assigned and not re.search(r"[$`]", text_of(value))
        assigned[name] = unquoted(value) if value is not None and is_constant else None
    return {name: value for name, value in assigned.items() if value is not None}


def _filled_in(text: str, values: dict[str, str]) -> str:
    return _EXPANSION.sub(lambda found: values.get(found[1] or found[2], found[0]), text) if values else text


def _output(statement: Node, constant: re.Pattern[str], values: dict[str, str]) -> str:
    """The file that a command writes anew, if its name is the same in each turn."""
    if statement.type == "redirected_statement":
        targets = (
            _filled_in(unquoted(redirect.named_children[-1]), values)
            for redirect in statement.named_children
            if _empties(redirect)
        )
        return next((path for path in targets if _FILE.fullmatch(path) or constant.fullmatch(path)), "")
    words = [_filled_in(unquoted(word), values) for word in statement.named_children]
    return _replaced_output(words, constant)


def _replaced_output(words: list[str], constant: re.Pattern[str]) -> str:
    """The file that a program replaces, if its name is the same in each turn; empty for other programs."""
    name = words[0] if words else ""
    if name not in _WRITERS or _ADDING & {*words}:
        return ""
    if "-overwrite" in words and ("-nln" not in words or "$" in words[words.index("-nln") + 1]):
        return ""  # only replaces a layer, which may have the name of the input's
    if name in {"cp", "mv"}:
        return words[-1] if constant.fullmatch(words[-1]) else ""
    files = [
        word.removeprefix("--outfile=")
        for before, word in pairwise(words)
        if before not in _READING and _PATH.match(word.removeprefix("--outfile="))
    ]
    written = files[:1] if name == "ogr2ogr" else files[-1:]
    return next((path for path in written if constant.fullmatch(path) or _FILE.fullmatch(path)), "")
