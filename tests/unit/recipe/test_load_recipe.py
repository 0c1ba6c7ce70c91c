from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from ogdc_shared.errors import InvalidRecipeError, RecipeNotFoundError
from ogdc_shared.recipe.recipe import load_recipe, output_advice
from ogdc_shared.recipe.urls import read_url_list
from support.recipes import AS_TODAY, inputs, make_recipe


def problems(directory: Path) -> tuple[str, ...]:
    with pytest.raises(InvalidRecipeError) as raised:
        load_recipe(directory)
    return raised.value.problems


@pytest.mark.parametrize("files", AS_TODAY.values(), ids=AS_TODAY.keys())
def test_a_recipe_as_people_write_it_today_loads_unchanged(tmp_path: Path, files: dict[str, Any]) -> None:
    for name, content in files.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(content)
    recipe = load_recipe(tmp_path)
    assert recipe.directory == tmp_path
    assert bool(recipe.commands) == (recipe.meta.workflow.type == "shell")


def test_a_recipe_holds_its_id_and_its_commands_with_their_lines(tmp_path: Path) -> None:
    make_recipe(tmp_path, name="Seal tags 2023", files={"recipe.sh": "# first\na | b\n\nc\n"})
    recipe = load_recipe(tmp_path)
    assert recipe.id == "seal-tags-2023"
    assert [(command.text, command.line) for command in recipe.commands] == [("a | b", 2), ("c", 4)]


def test_a_missing_directory_is_named(tmp_path: Path) -> None:
    with pytest.raises(RecipeNotFoundError, match=r"nowhere: the directory does not exist"):
        load_recipe(tmp_path / "nowhere")


def test_a_file_is_no_recipe_directory(tmp_path: Path) -> None:
    (tmp_path / "meta.yml").write_text("name: a")
    with pytest.raises(RecipeNotFoundError, match="the directory does not exist"):
        load_recipe(tmp_path / "meta.yml")


def test_problems_of_all_side_files_are_reported_together(tmp_path: Path) -> None:
    make_recipe(
        tmp_path,
        input=inputs({"type": "file", "path": "points.csv"}, {"type": "url_list", "file": "urls.txt"}),
        files={"recipe.sh": "a &&\n", "urls.txt": "https://example.org/a\nsomewhere\n"},
    )
    command, file, url = problems(tmp_path)
    assert command.startswith("recipe.sh: line 1: `a &&` is not a whole command: ")
    assert file.startswith("meta.yml: input.params[0].path: 'points.csv' is not in the recipe directory")
    assert url.startswith("urls.txt: line 2: 'somewhere' is not a URL to fetch from")


def test_side_files_in_subdirectories_are_found(tmp_path: Path) -> None:
    make_recipe(
        tmp_path,
        workflow={"type": "shell", "sh_file": "steps/one/all.sh"},
        input=inputs({"type": "file", "path": "data/points.csv"}, {"type": "url_list", "file": "data/urls"}),
        files={"steps/one/all.sh": "true", "data/points.csv": "", "data/urls": "ftp://example.org/a"},
    )
    assert load_recipe(tmp_path).commands[0].text == "true"


def test_a_missing_side_file_is_reported_with_the_existing_files(tmp_path: Path) -> None:
    make_recipe(tmp_path, workflow={"type": "shell", "sh_file": "recipe.hs"})
    assert problems(tmp_path) == (
        "meta.yml: workflow.sh_file: 'recipe.hs' is not in the recipe directory; "
        "add it, or correct the name (there is: meta.yml, recipe.sh).",
    )


ESCAPES = [
    "../outside.sh",
    "/etc/hostname",
    "a/../../outside.sh",
    "..",
    "~/../../etc/passwd",
    "./../outside.sh",
]


@pytest.mark.parametrize("name", ESCAPES)
@pytest.mark.parametrize("where", ["sh_file", "config_file", "path", "file"])
def test_a_side_file_outside_the_directory_is_refused(tmp_path: Path, name: str, where: str) -> None:
    (tmp_path / "outside.sh").write_text("echo secret")
    changes: dict[str, Any] = {
        "sh_file": {"workflow": {"type": "shell", "sh_file": name}},
        "config_file": {"workflow": {"type": "visualization", "config_file": name}},
        "path": {"input": inputs({"type": "file", "path": name})},
        "file": {"input": inputs({"type": "url_list", "file": name})},
    }[where]
    (problem,) = problems(make_recipe(tmp_path / "recipe", **changes))
    assert where in problem
    assert "outside the recipe directory" in problem


@pytest.mark.parametrize("directory_is_linked", [False, True])
def test_a_link_out_of_the_directory_is_refused_and_not_read(
    tmp_path: Path, directory_is_linked: bool
) -> None:
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    (secrets / "key.sh").write_text("echo secret")
    recipe = make_recipe(tmp_path / "recipe", workflow={"type": "shell", "sh_file": "in/key.sh"})
    if directory_is_linked:
        (recipe / "in").symlink_to(secrets)
    else:
        (recipe / "in").mkdir()
        (recipe / "in" / "key.sh").symlink_to(secrets / "key.sh")
    (problem,) = problems(recipe)
    assert "is a link to a place outside the recipe directory" in problem
    assert "secret" not in problem.replace("key.sh", "")


def test_an_error_about_a_link_outside_does_not_reveal_its_directory(tmp_path: Path) -> None:
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    (secrets / "id_rsa").write_text("")
    recipe = make_recipe(tmp_path / "recipe", workflow={"type": "shell", "sh_file": "in/none.sh"})
    (recipe / "in").symlink_to(secrets)
    assert "id_rsa" not in problems(recipe)[0]


def test_a_link_inside_the_directory_is_followed(tmp_path: Path) -> None:
    make_recipe(tmp_path, workflow={"type": "shell", "sh_file": "link.sh"})
    (tmp_path / "link.sh").symlink_to("recipe.sh")
    assert load_recipe(tmp_path).commands


def test_links_in_a_circle_are_reported(tmp_path: Path) -> None:
    make_recipe(tmp_path, workflow={"type": "shell", "sh_file": "a.sh"})
    (tmp_path / "a.sh").symlink_to("b.sh")
    (tmp_path / "b.sh").symlink_to("a.sh")
    assert "cannot be opened" in problems(tmp_path)[0]


@pytest.mark.parametrize("name", ["recipe.sh", "meta.yml"])
def test_a_pipe_in_the_place_of_a_file_is_not_waited_for(tmp_path: Path, name: str) -> None:
    make_recipe(tmp_path)
    (tmp_path / name).unlink()
    os.mkfifo(tmp_path / name)
    assert "is a directory or a device" in problems(tmp_path)[0]


def test_a_directory_is_no_side_file(tmp_path: Path) -> None:
    make_recipe(tmp_path, workflow={"type": "shell", "sh_file": "steps"}, files={"steps/a.sh": ""})
    assert "is a directory or a device" in problems(tmp_path)[0]


def test_a_name_too_long_for_a_file_is_reported(tmp_path: Path) -> None:
    make_recipe(tmp_path, workflow={"type": "shell", "sh_file": "a" * 300})
    assert "cannot be opened (File name too long)" in problems(tmp_path)[0]


def test_earlier_outputs_are_no_part_of_a_recipe(tmp_path: Path) -> None:
    make_recipe(
        tmp_path,
        input=inputs({"type": "file", "path": "ogdc-output/run-1/a.tif"}),
        files={"ogdc-output/run-1/a.tif": b""},
    )
    assert "lies in ogdc-output, which is not part of a recipe" in problems(tmp_path)[0]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"echo \xff\xfe", "recipe.sh: is not UTF-8 text: line 1 holds the byte 0xff"),
        ("echo a\n".encode("utf-16"), "recipe.sh: is not a text file: it contains NUL bytes"),
        (b"\x7fELF\0\0\0", "recipe.sh: is not a text file"),
        (b"a" * (1024 * 1024 + 1), "recipe.sh: is larger than 1,048,576 bytes"),
        (b"", "recipe.sh: holds no command"),
        (b"# nothing\n\n", "recipe.sh: holds no command"),
    ],
)
def test_an_unreadable_recipe_sh_is_rejected(tmp_path: Path, content: bytes, problem: str) -> None:
    make_recipe(tmp_path, files={"recipe.sh": content})
    assert problems(tmp_path)[0].startswith(problem)


@pytest.mark.parametrize(
    ("config", "problem"),
    [
        ('{"a": 1 "b": 2}', "config.json: line 1, column 9: is not JSON"),
        ("[1]", "config.json: contains a list instead of an object"),
        ('"text"', "config.json: contains 'text' instead of an object"),
        ("", "config.json: line 1, column 1: is not JSON"),
        ("[" * 100_000, "config.json: is nested too deeply"),
        ('{"a": ' + "1" * 5000 + "}", "config.json: is nested too deeply or contains too long a number"),
        (b"\xff", "config.json: is not UTF-8"),
    ],
)
def test_the_configuration_of_a_visualization_must_be_a_json_object(
    tmp_path: Path, config: str | bytes, problem: str
) -> None:
    make_recipe(
        tmp_path,
        workflow={"type": "visualization", "config_file": "config.json"},
        files={"config.json": config},
    )
    assert problems(tmp_path)[0].startswith(problem)


def test_an_unused_configuration_is_reported(tmp_path: Path) -> None:
    make_recipe(tmp_path, files={"config.json": "{}"}, workflow={"type": "visualization"})
    (advice,) = load_recipe(tmp_path).advice
    assert advice.startswith("config.json is not used")


def test_a_visualization_needs_no_configuration(tmp_path: Path) -> None:
    make_recipe(tmp_path, workflow={"type": "visualization"})
    assert load_recipe(tmp_path).commands == ()


def test_a_url_list_may_have_blank_lines_comments_and_any_line_ends(tmp_path: Path) -> None:
    make_recipe(
        tmp_path,
        input=inputs({"type": "url_list", "file": "urls.txt"}),
        files={"urls.txt": b"\xef\xbb\xbf# tiles\r\n\r\n  https://example.org/a  \r\nhttp://example.org/b"},
    )
    load_recipe(tmp_path)
    urls = [url for _, url in read_url_list(tmp_path / "urls.txt")]
    assert urls == ["https://example.org/a", "http://example.org/b"]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "urls.txt: holds no URL; write one a line."),
        (b"# none\n", "urls.txt: holds no URL; write one a line."),
        (b"https://example.org/\xff\n", "urls.txt: is not UTF-8 text"),
        (b"https://example.org/a\0b\n", "urls.txt: line 1: 'https://example.org/a\\x00b' has '\\x00'"),
        (b"https://example.org/a b\n", "urls.txt: line 1: 'https://example.org/a b' has ' ' as character 22"),
    ],
)
def test_a_bad_url_list_is_told_with_its_line(tmp_path: Path, content: bytes, problem: str) -> None:
    make_recipe(tmp_path, input=inputs({"type": "url_list", "file": "urls.txt"}), files={"urls.txt": content})
    assert problems(tmp_path)[0].startswith(problem)


def test_only_the_first_bad_lines_of_a_url_list_are_reported(tmp_path: Path) -> None:
    make_recipe(
        tmp_path, input=inputs({"type": "url_list", "file": "urls.txt"}), files={"urls.txt": "bad\n" * 1000}
    )
    assert len(problems(tmp_path)) == 10


NETWORKED = [
    "curl -fO https://example.org/x",
    "cd /tmp; wget https://example.org/x",
    "gdalinfo /vsicurl/https://example.org/x.tif > /output_dir/x",
    "(git clone https://example.org/x)",
]


@pytest.mark.parametrize("line", NETWORKED)
def test_lines_with_network_access_are_reported_unless_it_is_allowed(tmp_path: Path, line: str) -> None:
    files = {"recipe.sh": f"{line}\n"}
    (advice,) = load_recipe(make_recipe(tmp_path / "none", files=files)).advice
    assert advice.startswith("recipe.sh: line 1: ")
    assert "workflow.network: true" in advice
    workflow = {"type": "shell", "network": True}
    assert load_recipe(make_recipe(tmp_path / "some", files=files, workflow=workflow)).advice == ()


def test_lines_that_want_what_is_out_of_reach_are_told_of_with_and_without_the_key(tmp_path: Path) -> None:
    files = {"recipe.sh": "curl -O ftp://example.org/x\n"}
    for network in (None, True):
        workflow = {"type": "shell"} | ({} if network is None else {"network": network})
        *_, advice = load_recipe(make_recipe(tmp_path / str(network), files=files, workflow=workflow)).advice
        assert advice.startswith("recipe.sh: line 1: 'ftp://' takes FTP or SSH")


@pytest.mark.parametrize(
    "line", ["mycurl -x", "gdalwarp -t_srs http://www.opengis.net/def/crs/EPSG/0/3413 a b"]
)
def test_lines_that_only_resemble_network_access_are_not_reported(tmp_path: Path, line: str) -> None:
    assert load_recipe(make_recipe(tmp_path, files={"recipe.sh": f"{line}\n"})).advice == ()


def test_probable_mistakes_are_reported_but_the_recipe_can_run(tmp_path: Path) -> None:
    commands = "cp “/input_dir/a” /output_dir\n"
    bucket = {"type": "url", "value": "s3://bucket/a.tif"}
    recipe = load_recipe(make_recipe(tmp_path, files={"recipe.sh": commands}, input=inputs(bucket)))
    first, second = recipe.advice
    assert first.startswith("meta.yml: input.params[0].value: 's3://bucket/a.tif' is read as https://")
    assert second.startswith("recipe.sh: line 1: ")


@pytest.mark.parametrize(("enabled", "notes"), [({}, 1), ({"enabled": False}, 0), ({"enabled": True}, 0)])
def test_partition_settings_without_enabled_partitions_are_reported(
    tmp_path: Path, enabled: dict[str, bool], notes: int
) -> None:
    workflow = {"type": "shell", "parallel": {"partition_size": 3} | enabled}
    advice = load_recipe(make_recipe(tmp_path, workflow=workflow)).advice
    assert len(advice) == notes
    assert all("partition_size: of no effect without `enabled: true`" in each for each in advice)


def test_lines_are_checked_with_the_settings_of_meta_yml(tmp_path: Path) -> None:
    files = {"recipe.sh": "false && true; true\n"}
    with pytest.raises(InvalidRecipeError, match="continues if `false` fails"):
        load_recipe(make_recipe(tmp_path / "a", files=files))
    loose = make_recipe(tmp_path / "b", files=files, workflow={"type": "shell", "strict": False})
    assert load_recipe(loose).shell.words == ("sh", "-c")


@pytest.mark.parametrize(
    ("output", "words"),
    [
        (
            {"dataone_id": "TODO"},
            ["output.dataone_id: the result is kept on the workflow volume (type: pvc)"],
        ),
        (
            {"type": "dataone"},
            ["output.type: dataone takes a data set", "has no `metadata`", "refuse the recipe."],
        ),
    ],
)
def test_advice_explains_how_to_publish_to_dataone(
    tmp_path: Path, output: dict[str, str], words: list[str]
) -> None:
    recipe = load_recipe(make_recipe(tmp_path, output=output))
    assert recipe.advice == ()
    (advice,) = output_advice(recipe.meta)
    assert advice.startswith("meta.yml: output.")
    assert all(each in advice for each in words)
    (tmp_path / "other").mkdir()
    other = load_recipe(make_recipe(tmp_path / "other", output={"type": "pvc"}))
    assert list(output_advice(other.meta)) == []


@pytest.mark.parametrize(
    ("line", "named"),
    [
        ("python3 tools/sum.py /input_dir", "tools/sum.py"),
        ("./tools/sum.py > /output_dir/a", "tools/sum.py"),
        ('gdalwarp -cutline "cut.geojson" a b', "cut.geojson"),
        ('python3 "$RECIPE_DIR/tools/sum.py"', None),
        ("cd /tmp; cp /etc/hosts cut.geojson; cat cut.geojson", None),
        ("ogrinfo /input_dir/cut.geojson", None),
        ("python3 other.py", None),
    ],
)
def test_a_file_of_the_recipe_without_its_directory_is_advised_against(
    tmp_path: Path, line: str, named: str | None
) -> None:
    files = {"recipe.sh": f"{line}\n", "tools/sum.py": "", "cut.geojson": "{}"}
    advice = load_recipe(make_recipe(tmp_path, files=files)).advice
    if named is None:
        assert advice == ()
    else:
        assert advice[0].startswith(f"recipe.sh: line 1: {named!r} is a file of the recipe")
