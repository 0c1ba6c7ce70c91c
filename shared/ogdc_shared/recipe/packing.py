"""Selecting the files of a recipe directory for a bundle: those the recipe refers to, and small ones.

An author's directory may contain virtual environments, old data and dangling links. Files that the recipe
does not refer to may be left out, which is reported; a file it refers to that cannot be packed is an error.
References are paths in `meta.yml`, paths after `$RECIPE_DIR`, and file names (with a suffix) in the
commands or in a script they refer to.

Source: gitignore(5) for `.gitignore` and `.ogdcignore`; PEP 405 for `pyvenv.cfg`.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable, Iterator
from fnmatch import fnmatchcase
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ogdc_shared.errors import InvalidRecipeError
from ogdc_shared.recipe.files import NOT_PART, TEXT_LIMIT, UnusableFileError, confined
from ogdc_shared.shortening import shortened

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec

SMALL = 10 * 1024 * 1024
"""In bytes. A larger file is only packed if the recipe refers to it."""
MAX_DEPTH = 64
"""Maximum nesting of directories."""
IGNORE_FILES = (".gitignore", ".ogdcignore")

_ALWAYS_READ = ("meta.yml", "recipe.sh")
_ENVIRONMENT_MARKS = ("pyvenv.cfg", "conda-meta")
_DEPENDENCIES = ("node_modules",)
_CREDENTIALS = re.compile(
    r"\.(?:env|envrc|env\..*|netrc|pgpass|git-credentials|htpasswd|pypirc|npmrc)|id_(?:rsa|dsa|ecdsa|ed25519)"
)
"""Names of files in which programs expect passwords, tokens or private keys."""
_RECIPE_DIR = re.compile(r"(?:RECIPE_DIR[\"'}\])]*|/ogdc/recipe)/([^\s\"';|&()<>]+)")
_PATH_KEYS = r"\b(?:path|file|sh_file|config_file)[\"']?\s*:\s*[\"']?(?:\./)?"


class LeftOut(NamedTuple):
    """A file or directory that is left out."""

    name: str
    """Relative to the recipe directory; a directory ends with a slash."""
    reason: str


def files_to_pack(directory: Path, *, most: int, on_left_out: Callable[[LeftOut], None]) -> list[str]:
    """Return the relative names of the files to pack, sorted.

    Args:
        directory: The recipe's directory.
        most: Maximum number of files.
        on_left_out: Called with what is left out because the recipe does not refer to it; not with
            `files.NOT_PART`, nor with what the author listed in `.ogdcignore`.

    Raises:
        InvalidRecipeError: a file that the recipe refers to cannot be packed, a directory cannot be read,
            there are too many files, or directories are nested too deeply.
    """
    return sorted(_Packing(directory, most, on_left_out).names())


class _Packing:
    """Selects the files of one directory."""

    def __init__(self, directory: Path, most: int, on_left_out: Callable[[LeftOut], None]) -> None:
        self._directory = directory
        self._most = most
        self._on_left_out = on_left_out
        self._plain: list[str] = []
        self._doubtful: list[LeftOut] = []
        self._ignores: list[tuple[str, str, GitIgnoreSpec]] = []
        """Directory, ignore file in it, patterns; outer directories first."""

    def names(self) -> list[str]:
        self._look_into("")
        kept = [name for left_out in self._doubtful for name in self._decide(left_out)]
        return [*self._plain, *kept]

    def _look_into(self, folder: str) -> None:
        entries = _entries(f"{self._directory}/{folder}")
        for ignoring in entries:
            if ignoring.name in IGNORE_FILES and ignoring.is_file(follow_symlinks=False):
                self._read_ignores(folder, ignoring)
        for entry in entries:
            if entry.name in NOT_PART:
                continue
            name = f"{folder}{entry.name}"
            is_directory = entry.is_dir(follow_symlinks=False)
            if reason := self._doubt(name, entry):
                self._doubtful.append(LeftOut(f"{name}/" if is_directory else name, reason))
            elif is_directory:
                if name.count("/") == MAX_DEPTH:
                    raise _too_deep(name)
                self._look_into(f"{name}/")
            else:
                self._plain.append(name)
                if len(self._plain) > self._most:
                    raise too_many(self._most)

    def _doubt(self, name: str, entry: os.DirEntry[str]) -> str | None:
        """Return why something is left out unless the recipe refers to it; None if it is not."""
        try:
            name.encode()
        except UnicodeEncodeError:
            return "its name is not UTF-8"
        is_directory = entry.is_dir(follow_symlinks=False)
        if ignored_by := self._ignored(f"{name}/" if is_directory else name):
            return f"listed in {ignored_by}"
        if is_directory:
            return _doubt_directory(entry)
        if _CREDENTIALS.fullmatch(entry.name):
            return "it may contain credentials"
        if "\\" not in name and entry.is_file(follow_symlinks=False):  # not a link, so certainly inside
            size = entry.stat(follow_symlinks=False).st_size
        else:
            try:
                size = os.stat(confined(self._directory, name)).st_size
            except UnusableFileError as exc:
                return _unusable(entry) or str(exc).partition(";")[0]
        return f"{size:,} bytes, and nothing names it" if size > SMALL else None

    def _decide(self, left_out: LeftOut) -> Iterator[str]:
        """Yield the files of a doubtful entry that the recipe refers to; otherwise report it."""
        name = left_out.name
        listed_by_author = left_out.reason == f"listed in {IGNORE_FILES[1]}"
        if name.endswith("/"):
            named = [inner for inner in self._below(name) if self._is_named(inner, by_path=True)]
        else:
            by_path = listed_by_author or not self._is_regular(name)
            named = [name] if self._is_named(name, by_path=by_path) else []
        yield from named
        if not named and not listed_by_author:
            self._on_left_out(left_out)

    def _below(self, folder: str) -> Iterator[str]:
        """Yield the files in a doubtful directory, if the recipe may refer to any of them."""
        if f"{folder}" not in "\n".join(self._texts):
            return
        for above, _, files in os.walk(self._directory / folder):
            yield from (Path(above, file).relative_to(self._directory).as_posix() for file in files)

    def _is_regular(self, name: str) -> bool:
        mode = os.lstat(self._directory / name).st_mode
        return stat.S_ISREG(mode)

    def _is_named(self, name: str, *, by_path: bool) -> bool:
        """Whether the recipe refers to a file.

        Args:
            name: Its relative path.
            by_path: Whether the bare name is not sufficient, since a word such as `data` occurs everywhere.
        """
        if re.search(rf"{_PATH_KEYS}{re.escape(name)}[\"'\s,}}]", f"{self._texts[0]}\n"):
            return True
        for text in self._texts:
            if any(_leads_to(place, name) for place in _RECIPE_DIR.findall(text)):
                return True
        base = name.rpartition("/")[2]
        return not by_path and "." in base and any(_has_word(text, (name, base)) for text in self._texts)

    @cached_property
    def _texts(self) -> list[str]:
        """`meta.yml`, the commands, and the small text files that these refer to."""
        waiting = dict.fromkeys(self._plain)
        texts = [self._text(name) for name in _ALWAYS_READ]
        for text in texts:
            places = _RECIPE_DIR.findall(text)
            for name in list(waiting):
                if _has_word(text, (name, name.rpartition("/")[2])) or any(
                    _leads_to(p, name) for p in places
                ):
                    waiting.pop(name)
                    texts.append(self._text(name))
        return texts

    def _text(self, name: str) -> str:
        path = self._directory / name
        if not path.is_file():
            return ""
        with path.open("rb") as file:
            content = file.read(TEXT_LIMIT)
        return "" if b"\0" in content else content.decode(errors="replace")

    # --- ignore files ---

    def _read_ignores(self, folder: str, file: os.DirEntry[str]) -> None:
        from pathspec import GitIgnoreSpec

        lines = Path(file).read_text(errors="replace").splitlines()
        try:
            self._ignores.append((folder, file.name, GitIgnoreSpec.from_lines(lines)))
        except ValueError as exc:
            raise InvalidRecipeError(f"{folder}{file.name}: contains an invalid pattern: {exc}") from exc

    def _ignored(self, name: str) -> str | None:
        """Return the ignore file that lists a path, the innermost first; None if there is none."""
        for folder, file, patterns in reversed(self._ignores):
            if name.startswith(folder):
                verdict = patterns.check_file(name.removeprefix(folder)).include
                if verdict is not None:
                    return file if verdict else None
        return None


def too_many(most: int) -> InvalidRecipeError:
    """Return the error for a recipe with too many files."""
    return InvalidRecipeError(
        f"bundle: there are more than {most:,} files; list those that do not belong to the recipe in "
        ".ogdcignore, as in a .gitignore, or publish data somewhere and name their URLs instead."
    )


def _too_deep(name: str) -> InvalidRecipeError:
    return InvalidRecipeError(
        f"bundle: directories are nested more than {MAX_DEPTH} deep, as {shortened(name, 60)!r} and so on; "
        "keep a flatter tree, or list it in .ogdcignore."
    )


def _entries(directory: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(directory) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except OSError as exc:
        raise InvalidRecipeError(
            f"{exc.filename}: cannot be read ({exc.strerror}); check its permissions."
        ) from exc


def _doubt_directory(entry: os.DirEntry[str]) -> str | None:
    if any(os.path.lexists(f"{entry.path}/{mark}") for mark in _ENVIRONMENT_MARKS):
        return "a virtual environment"
    if entry.name in _DEPENDENCIES:
        return "installed packages"
    return "a hidden directory" if entry.name.startswith(".") else None


def _unusable(entry: os.DirEntry[str]) -> str | None:
    """Return what a special entry is, for messages; None for a regular file."""
    if not entry.is_symlink():
        return None if entry.is_file() else "a pipe, a socket or a device"
    return None if Path(entry.path).exists() else "a link to nowhere"


def _has_word(text: str, names: tuple[str, ...]) -> bool:
    """Whether a name occurs in a text by itself, not as the end of another path."""
    return any(
        name in text and re.search(rf"(?<![\w./-]){re.escape(name)}(?![\w-]|\.\w)", text) for name in names
    )


def _leads_to(place: str, name: str) -> bool:
    """Whether a path after `$RECIPE_DIR/` is a file, a directory above it, or a pattern that matches it."""
    return fnmatchcase(name, place) or name.startswith(f"{place.rstrip('/')}/")
