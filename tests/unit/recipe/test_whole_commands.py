"""What counts as a whole command: what `sh` can read."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ogdc_shared.recipe import shell
from ogdc_shared.recipe.commands import read_script
from ogdc_shared.recipe.shell import problem_of

EXAMPLES = Path(__file__).parents[3] / "docs" / "examples"
SIGNS = r"a A= $A $ $( ` ( ) | || && & ; > >> >| >& < << 2> { } ! # * ~ - \ '"
WORDS = "if then elif else fi for in while until do done case esac"
PIECES = [
    *SIGNS.split(),
    *WORDS.split(),
    "'b c'",
    '"b c"',
    '"$A/b"',
    '"$A',
    "${A%.b}",
    '"${A##*/}"',
    "${A",
    "%b}",
]
BLANKS = ["", " ", " ", "\t"]

WHOLE = r"""
gdal_calc.py --calc "A / 10.0" -A /input_dir/*.tif --outfile=/output_dir/a.tif
cp a b && gdaladdo -r average b  2 4 8 16
bash -c 'for f in /i/*.nc; do b=$(basename "$f" .nc); done && echo "Made $(ls /o 2>/dev/null | wc -l)"'
ogr2ogr "$OUTPUT_DIR"/"$(basename "$INPUT_FILE" .gpkg)_4326.gpkg" "$INPUT_FILE"
for f in *.tif; do gdal_translate "$f" "${f%.tif}.png"; done
for f do echo "$f"; done
for f; do echo "$f"; done
for in in in; do echo x; done
while read -r line; do echo "$line"; done < list > out 2>&1
until [ -f x ]; do sleep 1; done
if [ -f a ]; then b; elif c; then d; else e; fi
if a; then { b; } fi
case $x in *.tif) a;; *.nc|*.cdf) b && c;; (d) ;; esac
case x in esac
x=$(case a in a) b;; esac)
{ a; b; } | c
{ (a) }
(cd /input_dir && tar cf - .) | tar xf -
f() { a; }; f
f () ( a )
! a | b
> empty
> for x
2>&1
a 2>&1 >>log 3<&- <>f >|g
a &
a & b
xargs -I{} sh -c 'for f in *; do' < list
find . \( -name a -o -name b \) -exec c {} \;
echo } done fi esac then do in { !
echo a#b '#' # a comment with ' and "
echo "it's" 'a "b"' a\ b \' \" \\
echo "$(echo ")")" `echo ")"` "`echo \"a\"`"
echo ${a:-'}'} ${a#*(} ${#a} $# $$ $! $? $@ $* $-
echo ${a:-$(b "c")} "${a:-"b"}"
echo $((1 + (2 << 3) * $(b))) "$(( `a` ))"
awk -F, '{ print $1, $2 }' f | sort -u
A=1 B="$(c)" d
'for' x; "if" y; \while z
[ "$a" = "(" ] && echo "|"
echo $(
)
""".strip().splitlines()[:-2]

PARTS = [
    ("for f in *; do", "done"),
    ("for f in *", "unexpected"),
    ("done", "done"),
    ("while a", "do"),
    ("if a; then", "fi"),
    ("if [ -f x ] then a; fi", "then"),
    ("fi", "fi"),
    ("case x in", "unexpected"),
    ("{ a", "}"),
    ("f()", "unexpected"),
    ("(a", ")"),
    ("a)", ")"),
    ("a &&", "unexpected"),
    ("a | | b", "|"),
    ("a >", "unexpected"),
    ("echo 'a", "Unterminated"),
    ('echo "a', "Unterminated"),
    ("echo $(a", ")"),
    ("gdal_calc.py --calc=A*(B>0)", "("),
    ("cat <<EOF", "lines of its own"),
    ("a && cat <<-'X' | b", "lines of its own"),
]


@pytest.mark.parametrize("text", WHOLE)
def test_a_whole_command_is_taken(text: str) -> None:
    assert problem_of(text) is None


@pytest.mark.parametrize(("text", "named"), PARTS)
def test_a_part_of_a_command_is_refused_and_what_is_wrong_is_named(text: str, named: str) -> None:
    assert named.lower() in (problem_of(text) or "").lower()


@pytest.mark.parametrize(
    ("text", "program"),
    [
        ("[[ -f a && ( -f b || -f c ) ]]", "bash"),
        ("for i in {1..3}; do a <(b) >(c); done; d=(e f); g+=(h) |& i", "bash"),
        ("for ((i = 0; i < 3; i++)); do a; done", "bash"),
        ("""echo "${a:-'}" """.strip(), "sh"),
    ],
)
def test_a_line_is_read_by_the_shell_that_runs_it(text: str, program: str) -> None:
    assert problem_of(text, program) is None
    assert problem_of(text, {"sh": "bash", "bash": "sh"}[program]) is not None


def test_errors_specific_to_a_shell_are_reported_only_for_that_shell() -> None:
    assert "unexpected" in (problem_of("echo `for x`", "sh") or "")


def test_a_missing_shell_rejects_nothing() -> None:
    assert problem_of("for f in", "nosuchsh") is None
    assert problem_of("cat <<EOF", "nosuchsh") is None


@pytest.mark.parametrize(
    "form", ["touch {0}", "$(touch {0})", "`touch {0}`", "x=$(touch {0}", "a <<$(touch {0})"]
)
def test_checking_a_line_runs_nothing(form: str, tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    problem_of(form.format(canary))
    assert not canary.exists()


@pytest.mark.parametrize("text", ["-c id", "--", "\\", "echo \0", "#", "$("[:1] * 5000])
def test_odd_text_is_read_as_text(text: str) -> None:
    assert problem_of(text) is None


@pytest.mark.slow
@given(st.lists(st.tuples(st.sampled_from(PIECES), st.sampled_from(BLANKS)), min_size=1, max_size=8))
@settings(max_examples=300, deadline=None)
def test_lines_accepted_without_the_shell_are_accepted_by_it(pieces: list[tuple[str, str]]) -> None:
    text = "".join(piece + blank for piece, blank in pieces).strip()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shell, "_complaint", lambda script, program: "asked")
        asked = problem_of(text) is not None
    for program in ("sh", "bash"):
        assert asked or subprocess.run([program, "-n"], input=text.encode(), check=False).returncode == 0


@pytest.mark.parametrize("recipe", sorted(EXAMPLES.glob("*/recipe.sh")), ids=lambda path: path.parent.name)
def test_ordinary_commands_are_checked_without_a_process(
    recipe: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a process was started")

    monkeypatch.setattr(subprocess, "run", refuse)
    assert read_script(recipe.read_text(), parallel=True)
