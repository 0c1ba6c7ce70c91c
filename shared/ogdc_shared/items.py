"""Items: a main file with its companion files, or a directory, which count as one input.

A shapefile is six files, and a raster may have a world file, statistics and overviews beside it. Programs
are given the name of the main file and find the others themselves. So companion files never become inputs
of their own if their main file is there; without it they are ordinary files.

Source: GDAL's pages of its drivers (ESRI Shapefile, GTiff, ENVI, EHdr, HFA, MRF, MapInfo, CSV, GML, RST,
ILWIS, RRASTER, PDS) and on .aux.xml (PAM), world files and overviews; ESRI Shapefile Technical Description.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from ogdc_shared.plan import InputFile

DATASET_DIRECTORIES = (".gdb", ".zarr")
"""Suffixes of directories that are one data set."""

_RASTERS = (
    *(
        "tif",
        "tiff",
        "img",
        "jp2",
        "j2k",
        "jpg",
        "jpeg",
        "png",
        "gif",
        "bmp",
        "vrt",
        "asc",
        "nc",
        "grd",
        "dem",
    ),
    *(
        "bil",
        "bip",
        "bsq",
        "dat",
        "raw",
        "bin",
        "flt",
        "sid",
        "ecw",
        "hgt",
        "ers",
        "bt",
        "rst",
        "webp",
        "hdf",
    ),
    *("h5", "he5", "l1b", "envi", "cub", "pix", "tga", "adf", "rsw", "sdat"),
)
_PARTS = (
    (
        ("shp",),
        ("shx", "dbf", "sbn", "sbx", "qix", "qpj", "prj", "cpg", "fbn", "fbx", "ain", "aih", "ixs", "mxs"),
    ),
    (("tab",), ("dat", "map", "id", "ind")),
    (("mif",), ("mid",)),
    (("csv", "tsv"), ("csvt", "prj")),
    (("gml",), ("gfs", "xsd")),
    (("sdat",), ("sgrd", "mgrd")),
    (("rst",), ("rdc", "ref", "avl", "smp")),
    (("mpr",), ("mp#", "csy", "grf", "dom", "rpr")),
    (("grd",), ("gri",)),
    (("lbl",), ("img", "cub")),
    (("img",), ("ige", "rde")),
    (("mrf",), ("idx", "ppg", "pjg", "pjp", "til", "pzp", "pzs", "lrc", "ptf")),
    (_RASTERS, ("prj", "aux", "rrd", "rpb", "imd", "stx", "clr", "blw", "hdr", "wld", "aux.xml")),
    (("shp", "tab", "mif", "csv", "gml", "gpkg", "geojson", *_RASTERS), ("qml", "qmd")),
)
"""Extensions of main files, and of companion files with the same stem; the first match applies."""
_SUFFIXES = (".aux.xml", ".ovr", ".msk", "-wal", "-shm", "-journal")
"""Appended to the full name of any file, these make the name of a companion file."""
_DATA_SUFFIXES = (".xml", ".hdr", ".vat.dbf", ".vat.cpg")
"""The same, but only for files with the extension of a main file."""
_ALL_SUFFIXES = _SUFFIXES + _DATA_SUFFIXES


def _world_files(extension: str) -> Iterator[str]:
    """Yield the extensions of a raster's world file, such as tfw and tifw."""
    yield f"{extension[0]}{extension[-1]}w"
    yield f"{extension}w"
    if extension in {"tiff", "jpeg"}:
        yield {"tiff": "tifw", "jpeg": "jpgw"}[extension]


def _mains() -> dict[str, list[str]]:
    mains: dict[str, list[str]] = {}
    for main_extensions, part_extensions in _PARTS:
        for part in part_extensions:
            mains.setdefault(part, []).extend(main_extensions)
    for raster in _RASTERS:
        for world_file in _world_files(raster):
            mains.setdefault(world_file, []).append(raster)
    return mains


_MAINS = _mains()
"""Extension of a companion file → extensions of its possible main files, in order."""
_KNOWN = frozenset(extension for extensions in _MAINS.values() for extension in extensions)


def may_be_part(name: str) -> bool:
    """Whether a file may be a companion file by its name, so that the other names have to be checked."""
    lower = name.lower()
    return lower.endswith(_ALL_SUFFIXES) or lower.rpartition(".")[2] in _MAINS


def group(names: Iterable[str], directories: Collection[str] = frozenset()) -> dict[str, list[str]]:
    """Group main files with their companion files; the case of extensions is ignored.

    Args:
        names: Names in one directory, or paths.
        directories: Which of them are directories. A directory is an item of its own, without companion
            files.

    Returns:
        Main file or directory → its companion files. Each name occurs once; the order is kept.
    """
    given = list(names)
    mains = mains_of(given, directories)
    grouped: dict[str, list[str]] = {name: [] for name in given if name not in mains}
    for name, owners in mains.items():
        grouped[owners[0]].append(name)
    return grouped


def mains_of(names: Sequence[str], directories: Collection[str] = frozenset()) -> dict[str, list[str]]:
    """Return each companion file's main files: several if a.prj belongs to a.shp and to a.asc.

    The first is the one that `group` puts it with.
    """
    by_key: dict[tuple[str, str], str] = {}
    for name in names:
        by_key.setdefault(_key(name), name)
    owners = {
        name: found
        for name in names
        if name not in directories and (found := list(_owners(name, by_key, directories)))
    }
    first = {name: found[0] for name, found in owners.items()}
    return {
        name: list(dict.fromkeys(_root(owner, first) for owner in found)) for name, found in owners.items()
    }


def members_of(paths: Sequence[str], directories: Collection[str] = frozenset()) -> list[list[int]]:
    """Return the indexes of each item's files, the main file first; a repeated path is a separate item.

    A companion file of several main files is in all of these items, so that none lacks it.

    Args:
        paths: The files' paths (see `item_paths`).
        directories: Paths that stand for all files in a directory, which is one item.
    """
    mains = mains_of(paths, directories)
    items: dict[str, list[int]] = {}
    twice: list[list[int]] = []
    for position, path in enumerate(paths):
        if path in directories:
            items.setdefault(path, []).append(position)
        elif path not in mains and items.setdefault(path, [position]) != [position]:
            twice.append([position])
    for position, path in enumerate(paths):
        for main in mains.get(path, ()):
            items[main].append(position)
    return sorted([*items.values(), *twice])


def item_paths(files: Iterable[InputFile]) -> tuple[list[str], set[str]]:
    """Return the path of each file's item for `members_of`, and which of them are directories."""
    paths, directories = [], set()
    for file in files:
        if (directory := dataset_directory(file)) is not None:
            directories.add(directory)
        paths.append(item_path(file) if directory is None else directory)
    return paths, directories


def dataset_directory(file: InputFile) -> str | None:
    """Return the directory below `/input_dir` that is one data set and contains this file, or None."""
    if file.directory is None or not any(each in file.directory.lower() for each in DATASET_DIRECTORIES):
        return None
    names = file.directory.split("/")
    for count, name in enumerate(names, 1):
        if name.lower().endswith(DATASET_DIRECTORIES):
            return "/".join(names[:count])
    return None


def item_path(file: InputFile) -> str:
    """Return a path with an input's name, to find companion files; its directory may change later."""
    above, _, name = file.source.partition("?")[0].rpartition("/")
    if file.name is None and "." not in name:
        return file.source  # …/get?file=lakes.shp
    return f"{above}/{file.name or name}"


def _owners(name: str, by_key: dict[tuple[str, str], str], directories: Collection[str]) -> Iterator[str]:
    """Yield the main files of a companion file, the likeliest first; none if it is a main file itself."""
    if not may_be_part(name):
        return
    lower = name.lower()
    for suffix in _ALL_SUFFIXES:
        if lower.endswith(suffix):
            key = _key(name[: -len(suffix)])
            if (owner := by_key.get(key)) and (suffix in _SUFFIXES or key[1] in _KNOWN):
                yield owner
    for stem, extension in _splits(name):
        for main in _MAINS.get(extension, ()):
            owner = by_key.get((stem, main))
            if owner is not None and owner not in directories:
                yield owner
        if extension == "hdr" and (owner := by_key.get((stem, ""))) and owner not in directories:
            yield owner  # ENVI data need no extension


def _root(name: str, owners: dict[str, str]) -> str:
    """Return the main file of a chain of companion files, such as a.tif for a.tif.msk.ovr."""
    seen = {name}
    while (owner := owners.get(name)) is not None and owner not in seen:
        seen.add(owner)
        name = owner
    return name


def _key(name: str) -> tuple[str, str]:
    stem, dot, extension = name.rpartition(".")
    return (stem, extension.lower()) if dot and "/" not in extension else (name, "")


def _splits(name: str) -> Iterator[tuple[str, str]]:
    """Yield stem and extension, for a.aux.xml also with the extension `aux.xml`."""
    stem, extension = _key(name)
    yield stem, extension
    if name.lower().endswith(".aux.xml"):
        yield name[: -len(".aux.xml")], "aux.xml"


class Wanted:
    """Patterns of the items that commands run for (`workflow.parallel.items`); without any, all match."""

    def __init__(self, patterns: Iterable[str]) -> None:
        """Compile glob patterns, which ignore case."""
        self._patterns = []
        if patterns := tuple(patterns):
            import re
            from fnmatch import translate

            self._patterns = [re.compile(translate(pattern), re.IGNORECASE) for pattern in patterns]

    def __bool__(self) -> bool:
        return bool(self._patterns)

    def has(self, name: str) -> bool:
        """Whether a main file or directory matches, by the last component of its path."""
        base = name.rpartition("/")[2]
        return not self._patterns or any(pattern.match(base) for pattern in self._patterns)
