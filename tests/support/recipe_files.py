"""A small recipe on disk, and the files that a copy of it must have."""

from __future__ import annotations

from pathlib import Path

from support.trees import plant

FILES = {
    "meta.yml": b"name: Small recipe\n",
    "recipe.sh": b"cp /input_dir/* /output_dir/\n",
    "data/more/points of interest.csv": b"x,y\n1,2\n",
    "data/big.bin": bytes(range(256)) * 2000,
}


def write_recipe(directory: Path) -> Path:
    """Write a recipe to `directory`."""
    plant(directory, dict(FILES))
    return directory


def content(directory: Path) -> dict[str, bytes]:
    """Return all files of a directory, by path."""
    return {
        path.relative_to(directory).as_posix(): path.read_bytes()
        for path in directory.rglob("*")
        if path.is_file()
    }
