from __future__ import annotations

import resource
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ogdc_shared.errors import InvalidRecipeError, OgdcError, RecipeNotFoundError
from ogdc_shared.recipe.meta import load_meta


def read(directory: Path, content: str | bytes) -> dict[str, Any]:
    path = directory / "meta.yml"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return load_meta(path)


def test_values_are_plain_data(tmp_path: Path) -> None:
    assert read(tmp_path, "name: a\nn: 1\nf: 0.5\nb: true\nnothing:\nl: [x, {y: z}]\n") == {
        "name": "a",
        "n": 1,
        "f": 0.5,
        "b": True,
        "nothing": None,
        "l": ["x", {"y": "z"}],
    }


def test_values_that_look_like_dates_stay_strings(tmp_path: Path) -> None:
    assert read(tmp_path, "name: 2023-09-01\nb: 2023-13-45\n") == {"name": "2023-09-01", "b": "2023-13-45"}


def test_keys_are_text_whatever_yaml_takes_them_for(tmp_path: Path) -> None:
    assert read(tmp_path, "1: a\nyes: b\n2023-09-01: c\n") == {"1": "a", "yes": "b", "2023-09-01": "c"}


def test_a_byte_order_mark_and_crlf_are_no_part_of_the_values(tmp_path: Path) -> None:
    assert read(tmp_path, b"\xef\xbb\xbfname: a\r\nb: c\r\n") == {"name": "a", "b": "c"}


def test_anchors_aliases_and_merges_work(tmp_path: Path) -> None:
    text = "a: &a {x: 1}\nb:\n  <<: *a\n  y: 2\nc: {<<: *a, x: 3}\n"
    assert read(tmp_path, text) == {"a": {"x": 1}, "b": {"x": 1, "y": 2}, "c": {"x": 3}}


def test_a_missing_file_is_reported(tmp_path: Path) -> None:
    with pytest.raises(RecipeNotFoundError, match=r"meta\.yml: the recipe directory has no such file"):
        load_meta(tmp_path / "meta.yml")


def test_meta_yaml_is_recognised_as_a_slip(tmp_path: Path) -> None:
    (tmp_path / "meta.yaml").write_text("name: a")
    with pytest.raises(RecipeNotFoundError, match=r"there is only a meta\.yaml; rename it"):
        load_meta(tmp_path / "meta.yml")


@pytest.mark.parametrize("name", ["Meta.yml", "META.YAML", "meta.yml.txt"])
def test_other_names_of_meta_yml_are_recognised(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text("name: a")
    with pytest.raises(RecipeNotFoundError, match=f"there is only a {name}; rename it"):
        load_meta(tmp_path / "meta.yml")


@pytest.mark.parametrize(
    ("content", "advice"),
    [
        ("a: *b\n", 'put quotes around a value that begins with *, as in filename: "*.tif"'),
        ("a: *.tif\n", "put quotes around a value that begins with *"),
        ("a: [**/*.tif]\n", "put quotes around a value that begins with *"),
        ("a: &.tif\n", "put quotes around a value that begins with &"),
        ("a: 1\nb: &c .tif\n", "line 2: &c marks a value that nothing refers to; put quotes"),
        ("a: 1\nb:\u00a02\n", "line 2: has the character U+00A0 instead of a space"),
        ("a: 1\n\u00a0\u00a0b: 2\n", "line 2: has the character U+00A0 instead of a space"),
        ("name:a\nb: 1\n", "write a space after the colon of each"),
    ],
)
def test_common_mistakes_in_yaml_get_advice(tmp_path: Path, content: str, advice: str) -> None:
    (tmp_path / "meta.yml").write_text(content)
    with pytest.raises(InvalidRecipeError) as raised:
        load_meta(tmp_path / "meta.yml")
    assert advice in str(raised.value)


def test_unusual_spaces_within_a_value_are_kept(tmp_path: Path) -> None:
    (tmp_path / "meta.yml").write_text("a: b\u00a0c\n")
    assert load_meta(tmp_path / "meta.yml") == {"a": "b\u00a0c"}


def test_a_link_out_of_the_directory_is_refused(tmp_path: Path) -> None:
    (tmp_path / "other.yml").write_text("name: secret")
    (tmp_path / "recipe").mkdir()
    (tmp_path / "recipe" / "meta.yml").symlink_to(tmp_path / "other.yml")
    with pytest.raises(InvalidRecipeError, match="is a link to a place outside the recipe directory"):
        load_meta(tmp_path / "recipe" / "meta.yml")


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("", "is empty"),
        ("# only a comment\n", "is empty"),
        ("~", "is not a mapping"),
        ("- a\n- b\n", "is not a mapping"),
        ("hello", "is not a mapping"),
        (b"\x89PNG\r\n\x1a\n\0\0", "is not a text file"),
        (b"\xff\xd8\xff\xe0", "is not UTF-8 text: line 1 holds the byte 0xff"),
        ("name: a".encode("utf-16"), "is not a text file: it contains NUL bytes"),
        ("a: 1\nname: café".encode("latin-1"), "is not UTF-8 text: line 2 holds the byte 0xe9"),
        ("name: a\x07b", "is not YAML: it holds control characters"),
        ("a: " + "x" * 1024 * 1024, "is larger than 1,048,576 bytes"),
        ("a: 1\n---\nb: 2\n", "line 2, column 1: is not YAML"),
        (
            "a:\n\t- b\n",
            "line 2, column 1: is not YAML: found character that cannot start any token; indent with spaces",
        ),
        (
            "name: a: b\n",
            "line 1, column 8: is not YAML: mapping values are not allowed in this context; put quotes",
        ),
        ('name: "abc', "line 1, column 11: is not YAML"),
        ("a: *b\n", "line 1, column 4: is not YAML: found undefined alias"),
        ('name: "\\ud800"', "line 1, column 10: is not YAML: found invalid Unicode character escape code"),
        ("name: {{ x }}\n", "line 1: a key must be a single word"),
        ("? [a]\n: b\n", "line 1: a key must be a single word"),
        ("a: 1\nb: 2\n'a': 3\n", "line 3: the key 'a' is also in line 1; keep one"),
        ("a:\n  b: 1\n  b: 2\n", "line 3: the key 'b' is also in line 2"),
        ("x: &x {a: 1}\ny:\n  <<: *x\n  <<: *x\n", "line 4: the key '<<' is also in line 3"),
        ("1: a\n'1': b\n", "line 2: the key '1' is also in line 1"),
        ("a: !!python/object/apply:os.system ['true']\n", "line 1: the tag"),
        ("a: !!binary aGk=\n", "line 1: the tag"),
        ("a: !!set {b}\n", "line 1: the tag"),
        ("a: !env HOME\n", "line 1: the tag '!env' is not for recipes"),
        ("a: !!int x\n", "contains a value that cannot be read"),
        ("a: !!bool x\n", "contains a value that cannot be read"),
        ("a: !!float ''\n", "contains a value that cannot be read"),
        ("a: 0x_\n", "contains a value that cannot be read"),
    ],
)
def test_what_is_no_recipe_description_is_refused_with_its_place(
    tmp_path: Path, content: str | bytes, problem: str
) -> None:
    with pytest.raises(InvalidRecipeError) as raised:
        read(tmp_path, content)
    assert str(raised.value).startswith(f"meta.yml: {problem}")


LAUGHS = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{new}: &{new} [{','.join([f'*{old}'] * 9)}]\n" for old, new in zip("abcdefgh", "bcdefghi", strict=True)
)
MERGES = "m0: &m0 {k: v}\n" + "".join(
    f"m{n + 1}: &m{n + 1} {{<<: [{','.join([f'*m{n}'] * 9)}]}}\n" for n in range(9)
)


@pytest.mark.slow
@pytest.mark.parametrize(
    "content",
    [
        LAUGHS,
        MERGES,
        "x: &a [*a]",
        "x: &a {y: *a}",
        "x: &a {<<: *a}",
        "x: &a [" + "*a," * 100_000 + "]",
        "x:\n" + "- 1\n" * 250_000,
        "[" * 500_000,
        "{a: " * 200_000,
        "- " * 500_000,
        "".join(" " * depth + "-\n" for depth in range(1400)),
    ],
    ids=[
        "laughs",
        "merges",
        "self",
        "self in map",
        "self merged",
        "wide self",
        "many",
        "deep",
        "deep map",
        "dashes",
        "indents",
    ],
)
def test_a_small_file_cannot_take_much_time_or_memory(tmp_path: Path, content: str) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.process_time()
    with pytest.raises(InvalidRecipeError, match=r"values when its aliases|nested more than|not a mapping"):
        read(tmp_path, content)
    assert time.process_time() - start < 30
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 600_000  # KiB


def test_a_long_number_is_text_and_costs_nothing(tmp_path: Path) -> None:
    sexagesimal = "1:" * 300_000 + "1"
    start = time.process_time()
    assert read(tmp_path, f"a: {sexagesimal}\n") == {"a": sexagesimal}
    assert time.process_time() - start < 2


@pytest.mark.slow
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=300)
@given(
    content=st.one_of(
        st.binary(max_size=200), st.text(alphabet="ab:-[]{}&*<!|>'\"#,?%@ \n\t\\0x_.1", max_size=60)
    )
)
def test_any_file_is_read_as_a_mapping_or_rejected_with_our_message(
    tmp_path: Path, content: str | bytes
) -> None:
    with suppress(OgdcError):
        assert isinstance(read(tmp_path, content), dict)


def test_of_very_many_problems_some_are_told_and_the_rest_counted() -> None:
    error = InvalidRecipeError(*(f"meta.yml: k{number}: unknown key" for number in range(100_000)))
    assert len(error.problems) == len(str(error).splitlines()) == 101
    assert error.problems[-1] == "meta.yml: has 99,900 more problems."
