from __future__ import annotations

import subprocess
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ogdc_shared.errors import InvalidRecipeError
from ogdc_shared.recipe.commands import MAX_BYTES, read_script


def texts(text: str) -> list[str]:
    return [command.text for command in read_script(text).commands]


def problems(text: str) -> tuple[str, ...]:
    with pytest.raises(InvalidRecipeError) as raised:
        read_script(text)
    return raised.value.problems


def test_each_line_is_a_command_with_its_number() -> None:
    commands = read_script("a one\nb two\n").commands
    assert [(command.text, command.line) for command in commands] == [("a one", 1), ("b two", 2)]


def test_blank_lines_and_comments_are_left_out_however_indented() -> None:
    assert texts("#!/bin/sh\n\n# one\n   # two\n\t# three\n \t \na\n") == ["a"]


def test_a_comment_after_a_command_belongs_to_it() -> None:
    assert texts("a # why") == ["a # why"]


def test_blanks_around_a_command_are_removed() -> None:
    assert texts("  a  b \t\n") == ["a  b"]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_any_line_end_ends_a_line(end: str) -> None:
    assert texts(f"a{end}{end}# x{end}b \\{end}  c{end}") == ["a", "b   c"]


def test_other_separators_are_part_of_a_command() -> None:
    assert texts("echo a\x0bb\x0cc\x85d\u2028e") == ["echo a\x0bb\x0cc\x85d\u2028e"]


def test_a_line_that_ends_in_a_backslash_goes_on_in_the_next() -> None:
    commands = read_script("gdalwarp \\\n  -t_srs EPSG:3413 \\\n  in out\nnext\n").commands
    assert [(command.text, command.line) for command in commands] == [
        ("gdalwarp   -t_srs EPSG:3413   in out", 1),
        ("next", 4),
    ]


def test_two_backslashes_are_a_backslash() -> None:
    assert texts("echo a\\\\\nb\n") == ["echo a\\\\", "b"]


def test_a_comment_is_not_continued_by_a_backslash() -> None:
    assert texts("# a \\\nb\n") == ["b"]


@given(st.lists(st.sampled_from(["echo a", "  x", "\\\\", " ", "'b c'", "1"]), min_size=1, max_size=6))
def test_joined_lines_have_the_same_meaning_as_in_a_shell(parts: list[str]) -> None:
    script = "printf '%s.' start " + "\\\n".join(parts) + "\n"
    expected = subprocess.run(["sh", "-c", script], capture_output=True, check=False).stdout
    try:
        (command,) = read_script(script).commands
    except InvalidRecipeError:
        return
    assert subprocess.run(["sh", "-c", command.text], capture_output=True, check=False).stdout == expected


def test_a_backslash_at_the_very_end_is_reported() -> None:
    assert problems("a\nb \\")[0].startswith("recipe.sh: line 2: `b \\` ends in \\ and no line follows")


def test_a_blank_after_a_final_backslash_is_reported() -> None:
    assert "has a space after its final \\" in problems("gdalwarp a \\ \n  b\n")[0]


def test_a_line_that_was_to_continue_the_one_before_is_reported() -> None:
    (problem,) = problems("gdalwarp a b\n  -t_srs EPSG:3413\n")
    assert problem.startswith("recipe.sh: line 2: `-t_srs EPSG:3413` begins with -")


def test_a_construct_over_several_lines_is_told_line_by_line_with_what_to_do() -> None:
    first, last = problems("for f in *.nc; do\n  echo $f\ndone\n")
    assert first.startswith("recipe.sh: line 1: `for f in *.nc; do` is not a whole command: ")
    assert first.endswith(
        'expecting "done"). Each line is run on its own: '
        "write the command in one line, or end all its lines but the last with \\."
    )
    assert last.startswith('recipe.sh: line 3: `done` is not a whole command: "done" unexpected')


def test_a_construct_whose_lines_are_joined_is_one_command() -> None:
    assert texts("for f in *.nc; do \\\n  echo $f; \\\ndone\n") == ["for f in *.nc; do   echo $f; done"]


def test_the_name_of_the_file_is_reported() -> None:
    with pytest.raises(InvalidRecipeError, match=r"steps/a\.sh: line 1: "):
        read_script("a |", file="steps/a.sh")


def test_a_file_without_commands_is_refused() -> None:
    assert problems("# nothing\n") == ("recipe.sh: holds no command; write one a line.",)


def test_a_command_longer_than_the_system_takes_is_refused() -> None:
    assert texts("echo " + "a" * (MAX_BYTES - 5))
    assert "put it into a script" in problems("echo " + "é" * (MAX_BYTES // 2))[0]


def test_a_long_command_is_shown_shortened() -> None:
    assert len(problems("echo '" + "a" * 1000)[0]) < 400


@pytest.mark.parametrize(
    "line",
    [
        "echo {{workflow.name}} {{=1+1}}",
        "echo ';' \"$(id)\" `id` $((1+1))",
        "rm -rf /; echo 'it is the author who writes this'",
    ],
)
def test_commands_are_kept_unchanged(line: str) -> None:
    assert texts(line) == [line]


@pytest.mark.slow
@pytest.mark.parametrize(
    "text", ["\\`" * 60_000, "$(" * 60_000, "`\\" * 60_000, "((" * 60_000, "${" * 60_000, '"$(' * 40_000]
)
def test_no_line_takes_long_to_check(text: str) -> None:
    start = time.process_time()
    parse_or_refuse(text)
    assert time.process_time() - start < 2


def parse_or_refuse(text: str) -> None:
    try:
        read_script(text)
    except InvalidRecipeError:
        return


@pytest.mark.parametrize(
    "line",
    [
        "curl -u ann:s3cr3t-pw https://h/a -o /output_dir/a",
        f"PGPASSWORD=s3cr3t-pw psql -c '{'x' * 200}' > /output_dir/a; curl https://h/a -o /output_dir/b",
        "wget --password=s3cr3t-pw https://h/a && cp a /output_dir/; ls",
        "echo https://ann:s3cr3t-pw@h/ > /output_dir/a; echo (",
        "TOKEN=s3cr3t-pw",
    ],
)
def test_passwords_in_lines_are_not_shown_by_problems_and_advice(line: str) -> None:
    try:
        sentences = read_script(line).advice
    except InvalidRecipeError as exc:
        sentences = (str(exc),)
    assert "s3cr3t" not in "".join(sentences)
    assert "***" in "".join(sentences)
