"""Which of a recipe's commands are pure functions of their inputs, and which of its files they depend on.

A result of an earlier run is reused only if the same commands would produce the same output. At the first
command that might not, reuse ends: it and all later ones are executed in each run. What static analysis
cannot see (such as a script that reads the clock in an unknown way) is for `workflow.reuse: false`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import PurePosixPath
from posixpath import basename, normpath
from typing import NamedTuple

from ogdc_shared.digests import files_digest
from ogdc_shared.recipe.forms import META_FILE
from ogdc_shared.recipe.input_models import FileInput, PvcMountInput, UrlListInput
from ogdc_shared.recipe.recipe import Recipe
from ogdc_shared.recipe.type_policies import type_policy

_SIGN = re.compile(
    r"(?=[$/%-]|\b[a-zA-Z])(?:"  # where a match may begin, which saves trying all alternatives elsewhere
    r"(?:^|(?<=[\s;&|(`'\"]))(?:/[\w./-]*/)?"
    r"(?:date|uuidgen|shuf|hostname|hostid|whoami|logname|uptime|uname|stat|ps|df|du|last|who"
    r"|nproc|mktemp|printenv|cal|env(?=\s*(?:$|[|>;&)]))|id(?=\s+-))(?=$|[\s;&|)`'\"])"
    r"|\$\{?(?:RANDOM|SRANDOM|SECONDS|EPOCHSECONDS|EPOCHREALTIME|HOSTNAME|BASHPID|PPID|UID|EUID)\b"
    r"|\$\$|/dev/u?random\b|/proc/|/sys/|\bls\s+-\w*[lt]|\bsort\s+-\w*R|%\([^)]*\)T"
    r"|\B-(?:mtime|mmin|newer\w*|ctime|atime|printf)\b"
    r"|\b(?:random|rand|srand|randn|uuid[1-5]?|datetime|gettimeofday|systime|strftime|getpid|urandom|sys\.time"
    r"|time\.\w+|import time|secrets|localtime|gmtime|Timestamp|new Date|Sys\.[tT]ime|Sys\.Date|Date\.now"
    r"|(?i:current_(?:date|time|timestamp)))\b|\b(?:now|today|utcnow|runif|rnorm|sample|time)\()",
)
"""Matches lines with a result that may differ each time: by time, randomness or machine."""
_BARE = re.compile(r"__file__|BASH_SOURCE|\bdirname\b")
"""Matches lines that may access the recipe's directory as a whole."""
_PLACE = re.compile(r"(?:RECIPE_DIR|/ogdc/recipe)(?:[}\"']{0,2}/([\w./-]+))?([*?\[{$]?)")
"""A literal path in the recipe's directory, and a following character that makes it a pattern."""
_BESIDE = re.compile(
    r"/mnt/data\b|\bdirname\b|INPUT_FILE[%#]|INPUT_DIR\}?[\"']?/\.\.|\breadlink\b|\brealpath\b"
)
"""Matches lines that may access files beside an input on a volume, which are not inputs themselves."""
_MODULES = frozenset({".py", ".R", ".r", ".jl", ".pm", ".js", ".mjs"})
"""Suffixes of scripts that others import by their stem."""
_READ_BYTES = 1 << 20
"""Size limit of recipe files that are searched for references; larger ones count as data."""


class Reusable(NamedTuple):
    """Which of a recipe's results may be reused."""

    commands: int
    """Number of commands, from the first, with reusable results."""
    files: str
    """Digest of the recipe's own files that its commands may read."""
    reason: str = ""
    """Why not all commands are reusable; empty if they are, or if the recipe disables reuse."""


def reusable(recipe: Recipe, files: Iterable[tuple[str, str]]) -> Reusable:
    """Determine which results of a recipe may be reused.

    Args:
        recipe: The recipe.
        files: Paths and digests of its own files.
    """
    files = [*files]
    texts = dict(_texts(recipe, (name for name, _ in files)))
    commands, reason = _functions(recipe, texts)
    descriptive = set(_descriptive(recipe, texts))
    return Reusable(
        commands, files_digest((name, digest) for name, digest in files if name not in descriptive), reason
    )


def _functions(recipe: Recipe, texts: Mapping[str, str]) -> tuple[int, str]:
    """Count the first commands that are pure functions of their inputs; return why the next is not.

    A recipe without commands of its own counts as one command: its first stage. The inputs of later ones are
    not known beforehand.
    """
    workflow = recipe.meta.workflow
    if workflow.reuse is False:
        return 0, ""
    reason = "" if workflow.reuse else _outside(recipe)
    if not type_policy(recipe.meta).has_commands:
        return (0, reason) if reason else (1, "")
    if workflow.reuse:
        return len(recipe.commands), ""
    if reason:
        return 0, reason
    for position, command in enumerate(recipe.commands):
        if sign := next(filter(None, map(_sign, _run_by(command.text, texts))), None):
            return position, f"line {command.line} has {sign!r}, which may be another each time"
    return len(recipe.commands), ""


def _outside(recipe: Recipe) -> str:
    """Return which unknown influences the commands may depend on; empty if none."""
    if recipe.meta.workflow.secrets:
        return "commands have secrets, which may lead to what changes"
    if recipe.networked:
        return "commands may use the internet, where things change"
    if any(isinstance(param, PvcMountInput) for param in recipe.meta.input.params):
        for command in recipe.commands:
            if beside := _BESIDE.search(command.text):
                return f"{beside[0]!r} may lead to files on a volume that are none of the inputs"
    return ""


def _run_by(line: str, texts: Mapping[str, str]) -> Iterator[str]:
    """Yield a line, the scripts that it refers to, and those that these refer to, also as modules."""
    yield line
    left, pending = dict(texts), [line]
    while pending:
        text = pending.pop()
        for name in [name for name in left if _names(text, PurePosixPath(name))]:
            pending.append(left.pop(name))
            yield pending[-1]


def _names(text: str, path: PurePosixPath) -> bool:
    return path.name in text or (
        path.suffix in _MODULES and re.search(rf"\b{re.escape(path.stem)}\b", text) is not None
    )


def _sign(text: str) -> str | None:
    match = _SIGN.search(text)
    return match[0].strip() if match else None


def _described(recipe: Recipe) -> set[str]:
    """Return the files that describe the run, which the plan and manifests already contain."""
    policy = type_policy(recipe.meta)
    named = {META_FILE}
    if policy.has_commands and policy.file:
        named.add(policy.file)
    for param in recipe.meta.input.params:
        if isinstance(param, UrlListInput):
            named.add(param.file)
        elif isinstance(param, FileInput):
            named.add(param.path)
    return set(map(normpath, named))


def _descriptive(recipe: Recipe, texts: dict[str, str]) -> Iterator[str]:
    """Yield those of them that no command seems to read itself."""
    read = [command.text for command in recipe.commands] + [*texts.values()]
    if any(_BARE.search(text) or _names_several(recipe, text) for text in read):
        return
    footprints = type_policy(recipe.meta).footprints(recipe.directory)
    for name in _described(recipe):
        own = basename(name)
        is_footprint = (
            footprints is not None and PurePosixPath(name).is_relative_to(footprints) and own != META_FILE
        )
        if not is_footprint and not any(own in text for text in read):
            yield name


def _names_several(recipe: Recipe, text: str) -> bool:
    """Whether a text refers to a path in the recipe's directory that is not one of its files."""
    return any(
        several or not name or not os.path.isfile(f"{recipe.directory}/{name}")
        for name, several in _PLACE.findall(text)
    )


def _texts(recipe: Recipe, names: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield the recipe's short text files that commands may run or read."""
    described = _described(recipe)
    for name in names:
        if name in described:
            continue
        path = recipe.directory / name
        if path.stat().st_size > _READ_BYTES:
            continue
        content = path.read_bytes()
        if b"\0" not in content:
            yield name, content.decode(errors="replace")
