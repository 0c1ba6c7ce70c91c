"""Permissions of a result: those that the operator configures, but none to act as its owner.

Recipes are untrusted. A setuid file made by a command would run as the owner of the published copy. So setuid
bits, file capabilities and other extended attributes are never published.

Source: chmod(1) for the notation; capabilities(7), acl(5), xattr(7).
"""

from __future__ import annotations

import os
import re
import stat
from typing import NamedTuple

from ogdc_shared.copying import replace_by_copy

PUBLISHED = "u+rwX,go+rX"
"""Default for directories: readable for everybody, writable for the owner."""
AS_LEFT = "u+r"
"""For zips: as the commands left them."""
PATTERN = r"[ugoa]+[-+][rwxX]+(,[ugoa]+[-+][rwxX]+)*"

_PERMISSIONS = 0o777
_SHIFTS = {"u": (6,), "g": (3,), "o": (0,), "a": (6, 3, 0)}
_BITS = {"r": 4, "w": 2, "x": 1, "X": 1}
_SYSTEM_ATTRIBUTES = ("security.capability", "system.posix_acl_access", "system.posix_acl_default")


class _Clause(NamedTuple):
    adds: bool
    bits: int
    bits_if_executable: int
    """For `X`: applies to directories, and to files that somebody may execute."""


class Rights:
    """A change of mode in chmod's symbolic notation."""

    def __init__(self, text: str) -> None:
        """Parse the notation.

        Raises:
            ValueError: it does not match `PATTERN`.
        """
        if not re.fullmatch(PATTERN, text):
            raise ValueError(f"{text!r} is not a change of permissions such as {PUBLISHED}")
        self._clauses = [_clause(clause) for clause in text.split(",")]

    def of(self, mode: int) -> int:
        """Return the new permission bits of a file or directory with mode `mode` (from lstat).

        The owner may always read it, and change a directory's content, since it has yet to be published.
        """
        bits = mode & _PERMISSIONS
        for clause in self._clauses:
            executable = stat.S_ISDIR(mode) or bits & 0o111
            changed = clause.bits | (clause.bits_if_executable if executable else 0)
            bits = bits | changed if clause.adds else bits & ~changed
        return bits | (stat.S_IRWXU if stat.S_ISDIR(mode) else stat.S_IRUSR)

    def give(self, path: str) -> None:
        """Set the permissions of a file or directory, and remove extended attributes; links are skipped.

        Raises:
            OSError: it belongs to another user.
        """
        mode = os.lstat(path).st_mode
        if stat.S_ISLNK(mode):
            return
        wanted, found = self.of(mode), stat.S_IMODE(mode)
        if attributes := [name for name in os.listxattr(path, follow_symlinks=False) if _is_a_users(name)]:
            found = wanted | stat.S_IRUSR | stat.S_IWUSR  # removing attributes requires write permission
            os.chmod(path, found)
            for attribute in attributes:
                _remove_attribute(path, attribute)
        if wanted != found:
            os.chmod(path, wanted)


def _clause(text: str) -> _Clause:
    who, sign, what = re.split("([-+])", text)
    shifts = {shift for letter in who for shift in _SHIFTS[letter]}

    def bits(letters: str) -> int:
        return sum({_BITS[letter] << shift for letter in letters for shift in shifts})

    return _Clause(adds=sign == "+", bits=bits(what.replace("X", "")), bits_if_executable=bits(what))


def _is_a_users(attribute: str) -> bool:
    """Whether a command can have set an attribute; others belong to the file system."""
    return attribute.startswith("user.") or attribute in _SYSTEM_ATTRIBUTES


def _remove_attribute(path: str, name: str) -> None:
    try:
        os.removexattr(path, name, follow_symlinks=False)
    except PermissionError:
        if not stat.S_ISREG(os.lstat(path).st_mode):
            raise
        # A capability that was set in a user namespace cannot be removed outside of it.
        replace_by_copy(path, path)
