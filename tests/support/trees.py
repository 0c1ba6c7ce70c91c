"""Directory trees as values."""

from __future__ import annotations

import os
from pathlib import Path


def tree(directory: Path) -> dict[str, bytes | str | None]:
    """Return everything below a directory: path → content, None for a directory, or the target of a link."""
    return {str(path.relative_to(directory)): _value(path) for path in sorted(directory.rglob("*"))}


def plant(directory: Path, content: dict[str, bytes | str | None]) -> None:
    """Create the tree that `tree` would describe this way."""
    directory.mkdir(parents=True, exist_ok=True)
    for name, value in content.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if value is None:
            path.mkdir(exist_ok=True)
        elif isinstance(value, str):
            path.symlink_to(value)
        else:
            path.write_bytes(value)


def dig(directory: Path, *, levels: int, name: str = "d") -> None:
    """Create nested directories; the path of the innermost may be too long to be used."""
    here = os.open(directory, os.O_RDONLY)
    for _ in range(levels):
        os.mkdir(name, dir_fd=here)
        above, here = here, os.open(name, os.O_RDONLY, dir_fd=here)
        os.close(above)
    os.close(here)


def _value(path: Path) -> bytes | str | None:
    if path.is_symlink():
        return os.readlink(path)
    return None if path.is_dir() else path.read_bytes()
