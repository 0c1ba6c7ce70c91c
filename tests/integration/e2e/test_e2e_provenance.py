"""Provenance of results and reproducing them, with commands as a user types them."""

from __future__ import annotations

import zipfile
from pathlib import Path

from support.crates import Crate
from support.http import FileServer
from support.recipes import inputs, make_recipe
from support.stack import Stack


def test_a_result_has_provenance_and_is_reproduced_until_an_input_changes(
    stack: Stack, tmp_path: Path
) -> None:
    (tmp_path / "served").mkdir()
    (tmp_path / "served/tags.csv").write_text("b\na\n")
    with FileServer(tmp_path / "served") as server:
        url = f"{server.url}/tags.csv"
        recipe = make_recipe(
            tmp_path / "recipe",
            name="Sorted tags",
            input=inputs({"type": "url", "value": url}),
            files={"recipe.sh": "sort /input_dir/tags.csv > /output_dir/sorted.csv\n"},
        )
        done = stack.cli("run", "--json", str(recipe), cwd=tmp_path)
        assert done.code == 0, done
        name = done.json()["name"]
        [left] = (tmp_path / "ogdc-output" / name).rglob("*")
        assert left.name == "sorted.csv"

        published = stack.paths.volume / "sorted-tags"
        written = stack.cli("provenance", name, "-o", "crate", cwd=tmp_path)
        assert written.code == 0, written
        for crate in (Crate(published / ".provenance"), Crate(tmp_path / "crate")):
            crate.check()
            assert crate.run["object"] == {"@id": url}
            assert {row["role"] for row in crate.rows("files.csv")} == {"input", "output"}
            assert all(row["checksum"].startswith("sha256:") for row in crate.rows("files.csv"))

        again = stack.cli("reproduce", name, cwd=tmp_path)
        assert again.code == 0, again
        assert again.out.startswith("Inputs: 1 same.\nOutputs: 1 same.\nReproduced by run ")
        assert (published / "sorted.csv").read_text() == "a\nb\n"

        (tmp_path / "served/tags.csv").write_text("c\na\n")
        other = stack.cli("reproduce", str(published), cwd=tmp_path)
        assert other.code == 1, other
        assert "tags.csv: differs" in other.out
        assert "sorted.csv: differs" in other.out
        assert "Not reproduced: the inputs have changed." in other.out


def test_a_zip_contains_its_provenance(stack: Stack, recipe, tmp_path: Path) -> None:
    name = stack.cli("submit", "--wait", "--json", str(recipe("zipped", "echo 1 > /output_dir/a"))).json()[
        "name"
    ]
    assert stack.cli("get-output", name, cwd=tmp_path).code == 0
    [archive] = tmp_path.glob("*.zip")
    with zipfile.ZipFile(archive) as found:
        found.extractall(tmp_path / "out")
    Crate(tmp_path / "out/.provenance").check()
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [".provenance", "a"]
