from __future__ import annotations

import gzip
import io
import os
import resource
import subprocess
import tarfile
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ogdc_shared.errors import InvalidRecipeError, StorageUnavailableError
from ogdc_shared.recipe import bundle as bundles
from ogdc_shared.recipe.bundle import digest, pack, unpack
from ogdc_shared.recipe.packing import MAX_DEPTH, SMALL
from ogdc_shared.recipe.recipe import load_recipe
from support.limits import largest_file
from support.recipe_files import content, write_recipe
from support.recipes import make_recipe
from support.trees import plant, tree


def tar_of(*members: tuple[tarfile.TarInfo, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for member, data in members:
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return buffer.getvalue()


def zip_of(*members: tuple[zipfile.ZipInfo | str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for member, data in members:
            archive.writestr(member, data)
    return buffer.getvalue()


def tar_with(name: str, data: bytes = b"x", **fields: object) -> bytes:
    member = tarfile.TarInfo(name)
    for field, value in fields.items():
        setattr(member, field, value)
    return tar_of((member, data))


def refused(bundle: bytes, into: Path) -> str:
    with pytest.raises(InvalidRecipeError) as raised:
        unpack(bundle, into)
    (problem,) = raised.value.problems
    assert problem.startswith("bundle: ")
    return problem


# --- packing ---


def test_what_was_packed_comes_out_again(tmp_path: Path) -> None:
    recipe = write_recipe(tmp_path / "recipe")
    unpack(pack(recipe), tmp_path / "copy")
    assert content(tmp_path / "copy") == content(recipe)


def test_packing_and_unpacking_keeps_a_recipe_valid(tmp_path: Path) -> None:
    recipe = make_recipe(tmp_path / "recipe")
    unpack(pack(recipe), tmp_path / "copy")
    assert load_recipe(tmp_path / "copy").meta == load_recipe(recipe).meta


def test_the_same_files_give_the_same_bytes(tmp_path: Path) -> None:
    one = write_recipe(tmp_path / "one")
    two = tmp_path / "two"
    for path in sorted(one.rglob("*"), reverse=True):  # written in another order
        if path.is_file():
            (two / path.relative_to(one)).parent.mkdir(parents=True, exist_ok=True)
            (two / path.relative_to(one)).write_bytes(path.read_bytes())
            os.utime(two / path.relative_to(one), (1, 1))
            (two / path.relative_to(one)).chmod(0o600)
    assert pack(one) == pack(two)
    assert digest(pack(one)) == digest(pack(two))


def test_a_bundle_has_the_bytes_that_tarfile_and_gzip_give(tmp_path: Path) -> None:
    names = {"empty": 0, "block": 512, "ä": 513, "of/chunks": bundles._CHUNK + 1, f"{'d' * 90}/{'f' * 90}": 1}
    buffer = io.BytesIO()
    with (
        gzip.GzipFile(fileobj=buffer, mode="wb", compresslevel=6, filename="", mtime=0) as stream,
        tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT) as archive,
    ):
        for name, size in sorted(names.items()):
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_bytes(bytes(size))
            member = tarfile.TarInfo(name)
            member.size, member.mode = size, 0o644
            archive.addfile(member, io.BytesIO(bytes(size)))
    assert pack(tmp_path) == buffer.getvalue()


def test_a_file_that_shrinks_while_it_is_packed_is_rejected(tmp_path: Path) -> None:
    (tmp_path / "short").write_bytes(b"short")
    with (
        (tmp_path / "short").open() as file,
        gzip.open(io.BytesIO(), "wb") as stream,
        pytest.raises(OSError, match="became shorter"),
    ):
        bundles._copy(file.fileno(), stream, size=6)


def test_another_byte_or_another_name_gives_another_digest(tmp_path: Path) -> None:
    recipe = write_recipe(tmp_path)
    before = digest(pack(recipe))
    (recipe / "recipe.sh").write_text("other")
    changed = digest(pack(recipe))
    (recipe / "recipe.sh").rename(recipe / "steps.sh")
    assert len({before, changed, digest(pack(recipe))}) == 3


def test_tar_itself_reads_a_bundle(tmp_path: Path) -> None:
    (tmp_path / "bundle").write_bytes(pack(write_recipe(tmp_path / "recipe")))
    listed = subprocess.run(["tar", "tzf", tmp_path / "bundle"], capture_output=True, text=True, check=True)
    assert listed.stdout.splitlines() == sorted(content(tmp_path / "recipe"))


def test_whether_a_file_can_be_run_is_kept(tmp_path: Path) -> None:
    recipe = make_recipe(tmp_path / "recipe", files={"tool.py": "#!/usr/bin/env python3\n"})
    (recipe / "tool.py").chmod(0o700)
    unpack(pack(recipe), tmp_path / "copy")
    assert (tmp_path / "copy" / "tool.py").stat().st_mode & 0o777 == 0o755
    assert (tmp_path / "copy" / "recipe.sh").stat().st_mode & 0o777 == 0o644


def test_version_control_caches_and_outputs_are_not_packed(tmp_path: Path) -> None:
    extra = [".git/config", ".git/objects/aa", "lib/__pycache__/a.pyc", ".DS_Store", "ogdc-output/run/a.tif"]
    recipe = make_recipe(tmp_path, files=dict.fromkeys(extra, b"") | {".hidden": b"", "lib/.keep": b""})
    with tarfile.open(fileobj=io.BytesIO(pack(recipe))) as archive:
        assert archive.getnames() == [".hidden", "lib/.keep", "meta.yml", "recipe.sh"]


def test_a_link_inside_becomes_the_file(tmp_path: Path) -> None:
    recipe = make_recipe(tmp_path / "recipe", files={"data/a.csv": "1"})
    (recipe / "b.csv").symlink_to("data/a.csv")
    unpack(pack(recipe), tmp_path / "copy")
    assert (tmp_path / "copy" / "b.csv").read_text() == "1"
    assert not (tmp_path / "copy" / "b.csv").is_symlink()


def packed(recipe: Path) -> tuple[list[str], dict[str, str]]:
    """What is in the bundle, and what was reported as left out for which reason."""
    left_out: dict[str, str] = {}
    bundle = pack(recipe, on_left_out=lambda each: left_out.update({each.name: each.reason}))
    with tarfile.open(fileobj=io.BytesIO(bundle)) as archive:
        return archive.getnames(), left_out


def commanded(directory: Path, command: str, files: Mapping[str, str | bytes] | None = None) -> Path:
    """Write a recipe with this command."""
    return make_recipe(directory, files={**(files or {}), "recipe.sh": f"{command}\n"})


OWN = ["meta.yml", "recipe.sh"]


@pytest.mark.parametrize("target", ["../secret", "/etc/passwd", "none", ".", "data"])
def test_links_outside_broken_or_to_directories_are_left_out_unless_referenced(
    tmp_path: Path, target: str
) -> None:
    (tmp_path / "secret").write_text("secret")
    recipe = make_recipe(tmp_path / "recipe", files={"data/a.csv": "1"})
    (recipe / "link").symlink_to(target)
    names, left_out = packed(recipe)
    assert names == ["data/a.csv", *OWN]
    assert list(left_out) == ["link"]
    (recipe / "recipe.sh").write_text('cat "$RECIPE_DIR/link" > /output_dir/x\n')
    with pytest.raises(InvalidRecipeError, match="link: is"):
        pack(recipe)


def test_a_pipe_is_left_out_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(make_recipe(tmp_path) / "pipe")
    assert packed(tmp_path) == (OWN, {"pipe": "a pipe, a socket or a device"})
    (tmp_path / "recipe.sh").write_text("cat ${RECIPE_DIR}/pipe > /output_dir/x\n")
    with pytest.raises(InvalidRecipeError, match="pipe: is a directory or a device"):
        pack(tmp_path)


def test_a_name_that_is_no_text_is_left_out(tmp_path: Path) -> None:
    make_recipe(tmp_path)
    (Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff"))).write_text("")
    names, left_out = packed(tmp_path)
    assert names == OWN
    assert list(left_out.values()) == ["its name is not UTF-8"]


def test_names_with_backslashes_are_left_out_unless_referenced(tmp_path: Path) -> None:
    (make_recipe(tmp_path) / "data\\a.csv").write_text("")
    assert packed(tmp_path) == (OWN, {"data\\a.csv": "has a backslash in its name"})
    (tmp_path / "recipe.sh").write_text("cat '$RECIPE_DIR/data\\a.csv' > /output_dir/x\n")
    with pytest.raises(InvalidRecipeError, match="backslash in its name; write / between directories"):
        pack(tmp_path)


def test_environments_and_hidden_directories_are_left_out(tmp_path: Path) -> None:
    files = [
        ".venv/bin/x",
        "env/pyvenv.cfg",
        "conda/conda-meta/history",
        "js/node_modules/a.js",
        ".idea/a.xml",
    ]
    recipe = make_recipe(tmp_path, files=dict.fromkeys([*files, "js/a.js", ".hidden"], b""))
    names, left_out = packed(recipe)
    assert names == [".hidden", "js/a.js", *OWN]
    assert left_out == {
        ".idea/": "a hidden directory",
        ".venv/": "a hidden directory",
        "conda/": "a virtual environment",
        "env/": "a virtual environment",
        "js/node_modules/": "installed packages",
    }


def test_files_that_usually_contain_credentials_are_left_out_unless_named(tmp_path: Path) -> None:
    secret = [".env", ".env.local", ".netrc", "keys/id_ed25519"]
    recipe = make_recipe(tmp_path, files=dict.fromkeys([*secret, ".envelope", "a.env"], b""))
    names, left_out = packed(recipe)
    assert names == [".envelope", "a.env", *OWN]
    assert left_out == dict.fromkeys(secret, "it may contain credentials")
    (recipe / "recipe.sh").write_text('. "$RECIPE_DIR/.env"; cp /input_dir/* /output_dir/\n')
    assert ".env" in packed(recipe)[0]


def test_a_named_file_in_a_hidden_directory_comes_along(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = dict.fromkeys([".data/a.csv", ".data/b.csv", ".more/c.csv"], b"")
    recipe = commanded(tmp_path, 'cp "$RECIPE_DIR"/.more/*.csv /output_dir/', files)
    meta = (recipe / "meta.yml").read_text()
    (recipe / "meta.yml").write_text(f"{meta}\n# path: .data/a.csv\n")
    assert packed(recipe) == ([".data/a.csv", ".more/c.csv", *OWN], {})


BIG = [
    ("cp /input_dir/big.tif /output_dir/", None, False),
    ("wget https://example.org/big.tif", None, False),
    ("echo big.tiff not-big.tif", None, False),
    ('gdalwarp "$RECIPE_DIR/raw/big.tif" /output_dir/a.tif', None, True),
    ("cp ${RECIPE_DIR}/raw/*.tif /output_dir/", None, True),
    ('ls "$RECIPE_DIR"/raw', None, True),
    ("cd $RECIPE_DIR/raw && cp big.tif /output_dir/", None, True),
    ('python3 "$RECIPE_DIR/lib/a.py"', "import b", False),
    ('python3 "$RECIPE_DIR/lib/a.py"', "open('raw/big.tif')", True),
    ('python3 "$RECIPE_DIR/lib/b.py"', "open('raw/big.tif')", False),
]


@pytest.mark.slow
@pytest.mark.parametrize(("command", "script", "comes"), BIG)
def test_a_large_file_comes_along_where_it_is_named(
    tmp_path: Path, command: str, script: str | None, comes: bool
) -> None:
    recipe = commanded(tmp_path, command, {"lib/a.py": script or "", "raw/small.tif": ""})
    with (recipe / "raw/big.tif").open("wb") as file:
        file.truncate(SMALL + 1)
    names, left_out = packed(recipe)
    assert ("raw/big.tif" in names, "raw/big.tif" in left_out) == (comes, not comes)
    assert "raw/small.tif" in names


def test_ignore_files_apply_except_to_referenced_files(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {
        ".gitignore": "*.csv\nold/\n!lib/keep.csv\n",
        ".ogdcignore": "notes/\n*.log\n",
        "lib/.ogdcignore": "*.txt\n!b.txt\n",
        **dict.fromkeys(
            ["a.csv", "old/x", "lib/keep.csv", "lib/a.txt", "lib/b.txt", "notes/n", "run.log"], b""
        ),
    }
    recipe = make_recipe(tmp_path, files=files)
    names, left_out = packed(recipe)
    assert names == [".gitignore", ".ogdcignore", "lib/.ogdcignore", "lib/b.txt", "lib/keep.csv", *OWN]
    assert left_out == {"a.csv": "listed in .gitignore", "old/": "listed in .gitignore"}
    meta = (recipe / "meta.yml").read_text()
    (recipe / "meta.yml").write_text(f"{meta}\n# {{path: a.csv}} {{file: 'run.log'}}\n")
    assert {"a.csv", "run.log"} < set(packed(recipe)[0])


def test_what_was_packed_is_packed_again_as_it_is(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {
        ".gitignore": "*.csv\n",
        "a.csv": "1",
        "b.csv": "2",
        ".x/c": "3",
        "s.py": "open('a.csv')",
    }
    recipe = commanded(tmp_path / "recipe", "python3 $RECIPE_DIR/s.py", files)
    bundle = pack(recipe)
    unpack(bundle, tmp_path / "copy")
    assert pack(tmp_path / "copy") == bundle


def test_a_tree_that_is_too_deep_is_rejected(tmp_path: Path) -> None:
    deepest = tmp_path.joinpath(*["d"] * (MAX_DEPTH + 1))
    deepest.mkdir(parents=True)
    (deepest / "in.csv").touch()
    with pytest.raises(InvalidRecipeError, match=r"nested more than 64 deep, as 'd/d/"):
        pack(tmp_path)


def test_too_many_files_are_not_packed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundles, "MAX_FILES", 3)
    make_recipe(tmp_path, files={"a": "", "b": ""})
    with pytest.raises(InvalidRecipeError, match="there are more than 3 files"):
        pack(tmp_path)


def test_a_recipe_that_is_too_large_is_not_packed(tmp_path: Path) -> None:
    commanded(tmp_path, "cp $RECIPE_DIR/big.tif /output_dir/")
    with (tmp_path / "big.tif").open("wb") as file:
        file.truncate(bundles.MAX_CONTENT + 1)  # takes no room
    with pytest.raises(InvalidRecipeError, match=r"with big\.tif there are more than 268,435,456 bytes"):
        pack(tmp_path)


# --- unpacking ---

ARCHIVES: list[Callable[[str], bytes]] = [
    tar_with,
    lambda name: zip_of((zipfile.ZipInfo(name), b"x")),
]


@pytest.mark.parametrize("make", ARCHIVES, ids=["tar", "zip"])
def test_a_name_deeper_than_programs_descend_is_refused(tmp_path: Path, make: Callable[[str], bytes]) -> None:
    assert "directories deep" in refused(make("d/" * 1500 + "x"), tmp_path / "in")


@pytest.mark.parametrize("make", ARCHIVES, ids=["tar", "zip"])
@pytest.mark.parametrize(
    "name", ["../evil", "/tmp/ogdc-evil", "a/../../evil", "..", "a\\..\\..\\evil", "./../evil"]
)
def test_a_name_that_leads_outside_is_refused(
    tmp_path: Path, make: Callable[[str], bytes], name: str
) -> None:
    into = tmp_path / "in" / "to"
    assert "is outside the recipe" in refused(make(name), into)
    assert not list(tmp_path.rglob("*evil*"))
    assert not Path("/tmp/ogdc-evil").exists()


@pytest.mark.parametrize("make", ARCHIVES, ids=["tar", "zip"])
@pytest.mark.parametrize("name", ["$(id)", "a;b", "{{workflow.name}}", "a'b\"c", "a\nb", "-rf", "ä"])
def test_unusual_names_are_kept(tmp_path: Path, make: Callable[[str], bytes], name: str) -> None:
    unpack(make(name), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize(
    ("kind", "target"),
    [
        (tarfile.SYMTYPE, "/etc/passwd"),
        (tarfile.SYMTYPE, "meta.yml"),
        (tarfile.LNKTYPE, "/etc/passwd"),
        (tarfile.CHRTYPE, ""),
        (tarfile.BLKTYPE, ""),
        (tarfile.FIFOTYPE, ""),
    ],
)
def test_links_and_devices_in_a_tar_are_refused(tmp_path: Path, kind: bytes, target: str) -> None:
    assert "is a link or a device" in refused(tar_with("x", b"", type=kind, linkname=target), tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("mode", [0o120777, 0o020666, 0o060666, 0o010666, 0o140666])
def test_links_and_devices_in_a_zip_are_refused(tmp_path: Path, mode: int) -> None:
    member = zipfile.ZipInfo("x")
    member.create_system = 3
    member.external_attr = mode << 16
    assert "is a link or a device" in refused(zip_of((member, b"/etc/passwd")), tmp_path)


def test_a_file_is_never_written_through_a_link_that_was_there(tmp_path: Path) -> None:
    into = tmp_path / "into"
    into.mkdir()
    (tmp_path / "outside").write_text("as it was")
    (into / "x").symlink_to(tmp_path / "outside")
    refused(tar_with("x"), into)
    assert (tmp_path / "outside").read_text() == "as it was"


@pytest.mark.parametrize("first", ["a", "a/b"])
def test_duplicate_names_in_an_archive_are_rejected(tmp_path: Path, first: str) -> None:
    bundle = tar_of((tarfile.TarInfo(first), b"1"), (tarfile.TarInfo("a"), b"2"))
    assert "is the name there twice?" in refused(bundle, tmp_path)


def test_unpacking_ignores_owners_and_special_permissions(tmp_path: Path) -> None:
    unpack(tar_with("x", mode=0o6777, uid=1234, gid=1234), tmp_path)
    status = (tmp_path / "x").stat()
    assert status.st_mode & 0o7777 == 0o755
    assert status.st_uid == os.getuid()


def test_directories_and_a_leading_dot_are_kept_and_harmless(tmp_path: Path) -> None:
    folder = tarfile.TarInfo("./data")
    folder.type = tarfile.DIRTYPE
    unpack(tar_of((tarfile.TarInfo("./meta.yml"), b"name: a"), (folder, b"")), tmp_path)
    assert (tmp_path / "meta.yml").is_file()
    assert (tmp_path / "data").is_dir()


def test_a_bundle_may_come_as_a_file(tmp_path: Path) -> None:
    unpack(io.BytesIO(zip_of(("meta.yml", b"name: a"), ("data/", b""), ("data/b", b""))), tmp_path)
    assert content(tmp_path) == {"meta.yml": b"name: a", "data/b": b""}


@pytest.mark.parametrize(
    "bundle",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"no archive at all", id="text"),
        pytest.param(b"\x1f\x8b", id="the_beginning_of_gzip"),
        pytest.param(b"\x1f\x8b\x08" + b"\0" * 20, id="gzip_of_nothing"),
        pytest.param(gzip.compress(b"no tar"), id="gzip_of_text"),
        pytest.param(gzip.compress(b"\0" * 100), id="tar_of_zeros"),
        pytest.param(b"PK\x03\x04", id="the_beginning_of_zip"),
        pytest.param(b"PK\x05\x06" + b"\xff" * 18, id="zip_without_members"),
        pytest.param(zip_of(("a", b"b"))[:-5], id="a_cut_zip"),
    ],
)
def test_what_is_no_archive_is_refused(tmp_path: Path, bundle: bytes) -> None:
    assert "neither a tar.gz nor a zip" in (problem := refused(bundle, tmp_path)) or "is damaged" in problem


def test_a_cut_or_changed_archive_is_refused(tmp_path: Path) -> None:
    bundle = pack(write_recipe(tmp_path / "recipe"))
    assert "is damaged" in refused(bundle[:-30], tmp_path / "cut")
    changed = bytearray(bundle)
    changed[-6] ^= 1  # the checksum
    assert "is damaged" in refused(bytes(changed), tmp_path / "changed")


def test_zips_with_passwords_or_other_compression_are_rejected(tmp_path: Path) -> None:
    locked = bytearray(zip_of(("a", b"b")))
    locked[6] |= 1
    locked[locked.index(b"PK\x01\x02") + 8] |= 1
    assert "is damaged or encrypted" in refused(bytes(locked), tmp_path)
    assert "is not compressed with deflate" in refused(
        zip_of(("a", b"b"), compression=zipfile.ZIP_LZMA), tmp_path
    )


@pytest.mark.parametrize("form", ["gnu", "posix", "oldgnu"])
def test_what_tar_packs_comes_out_whole(tmp_path: Path, form: str) -> None:
    """Long names, holes, names that are no ASCII: each form has its own headers for these."""
    source = tmp_path / "source"
    files = {"meta.yml": b"name: a", f"{'d' * 120}/{'é' * 60}.csv": b"1", f"{'x' * 200}.txt": b"2" * 3000}
    plant(source, files)
    with (source / "holes.bin").open("wb") as file:
        for place in range(12):  # more than one header of an old form has room for
            file.seek(place * 1024 * 1024)
            file.write(b"data")
    subprocess.run(["tar", f"--format={form}", "-czSf", tmp_path / "a.tgz", "-C", source, "."], check=True)

    unpack((tmp_path / "a.tgz").read_bytes(), tmp_path / "copy")

    assert tree(tmp_path / "copy") == tree(source)
    assert set(files) < set(tree(source))


def bomb_of_content() -> bytes:
    raw = io.BytesIO()
    with gzip.GzipFile(fileobj=raw, mode="wb", compresslevel=1) as stream:
        header = tarfile.TarInfo("zeros")
        header.size = bundles.MAX_CONTENT + 1
        stream.write(header.tobuf())
        for _ in range(bundles.MAX_CONTENT // 1024 // 1024 + 1):
            stream.write(bytes(1024 * 1024))
    return raw.getvalue()


def bomb_of_names() -> bytes:
    header = tarfile.TarInfo("pax")
    header.type, header.size = tarfile.XHDTYPE, 200 * 1024 * 1024
    raw = io.BytesIO()
    with gzip.GzipFile(fileobj=raw, mode="wb", compresslevel=1) as stream:
        stream.write(header.tobuf())
        for _ in range(200):
            stream.write(bytes(1024 * 1024))
    return raw.getvalue()


def bomb_behind_a_hole() -> bytes:
    """Names without end, behind a file that says it is large and has no data."""
    sparse = tarfile.TarInfo("hole")
    sparse.type = tarfile.GNUTYPE_SPARSE
    sparse.size = 0
    block = bytearray(sparse.tobuf(tarfile.GNU_FORMAT))
    block[483:495] = b"%011o\0" % (200 * 1024 * 1024)
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return gzip.compress(bytes(block), 1) + bomb_of_names()


def bomb_of_zip() -> bytes:
    buffer = io.BytesIO()
    with (
        zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
        archive.open("zeros", "w", force_zip64=True) as member,
    ):
        for _ in range(bundles.MAX_CONTENT // 1024 // 1024 + 1):
            member.write(bytes(1024 * 1024))
    return buffer.getvalue()


@pytest.mark.slow
@pytest.mark.parametrize("make", [bomb_of_content, bomb_of_names, bomb_behind_a_hole, bomb_of_zip])
def test_an_archive_that_grows_without_end_is_stopped(tmp_path: Path, make: Callable[[], bytes]) -> None:
    bundle = make()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert "there are more than 268,435,456 bytes" in refused(bundle, tmp_path)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 * 1024  # KiB


def test_an_archive_of_too_many_files_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundles, "MAX_FILES", 3)
    tar = tar_of(*[(tarfile.TarInfo(str(number)), b"") for number in range(4)])
    assert "there are more than 3 files" in refused(tar, tmp_path / "tar")
    packed = zip_of(*[(str(number), b"") for number in range(4)])
    assert "there are more than 3 files" in refused(packed, tmp_path / "zip")


def test_a_bundle_over_the_limit_is_rejected_without_reading_it(tmp_path: Path) -> None:
    assert "is larger than 67,108,864 bytes" in refused(b"PK" + bytes(bundles.MAX_BUNDLE), tmp_path)


def test_a_full_disk_is_not_reported_as_an_invalid_recipe(tmp_path: Path) -> None:
    with largest_file(1024 * 1024), pytest.raises(StorageUnavailableError, match="no room"):
        unpack(tar_with("big", bytes(2 * 1024 * 1024)), tmp_path)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.dictionaries(
        st.text("ab.-é ", min_size=1, max_size=8).filter(lambda n: n.strip(".")), st.binary(max_size=50)
    )
)
def test_packing_and_unpacking_keeps_any_files(
    tmp_path_factory: pytest.TempPathFactory, files: dict[str, bytes]
) -> None:
    source, copy = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("copy")
    for name, data in files.items():
        (source / name).write_bytes(data)
    unpack(pack(source), copy)
    assert content(copy) == files
