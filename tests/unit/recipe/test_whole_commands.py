"""What counts as a whole command, against the shell itself."""

from __future__ import annotations

import shutil
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ogdc_shared.recipe.shell import problem_of

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
echo ${a:-'}'} "${a:-'}" ${a#*(} ${#a} $# $$ $! $? $@ $* $-
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
    ("for f in *; do", "has `do` without its `done`."),
    ("for f in *", "has `for` without its `do`."),
    ("for f *.tif; do echo; done", "has `*.tif` where `for` needs its `in`."),
    ("for f in a b do echo; done", "has `done` where `for` still needs its `do`"),
    ("for f in a; echo; done", "has `echo` where `for` still needs its `do`"),
    ("for f in a; do; done", "has no command after `do` and before `;`."),
    ("do", "has `do` without `for` or `until` or `while` before it."),
    ("done", "has `done` without `do` before it."),
    ("while a", "has `while` without its `do`."),
    ("if a; then", "has `then` without its `fi`."),
    ("if [ -f x ] then a; fi", "has `fi` where `if` still needs its `then`"),
    ("if a; then b; else", "has `else` without its `fi`."),
    ("else", "has `else` without `then` before it."),
    ("fi", "has `fi` without `else` or `then` before it."),
    ("case x in", "has `in` without its `esac`."),
    ("case x in a) b;;", "has `in` without its `esac`."),
    ("case x", "has `case` without its `in`."),
    ("a;;", "has `;;` outside of a `case`."),
    ("esac", "has `esac` without `in` before it."),
    ("{ a", "has `{` without its `}`."),
    ("{ a }", "has `{` without its `}`."),
    ("f() {", "has `{` without its `}`."),
    ("f()", "has no command after `()`."),
    ("}", "has `}` without `{` before it."),
    ("(a", "has `(` without its `)`."),
    ("a)", "has `)` without `(` before it."),
    ("()", "has no command after `(` and before `)`."),
    ("(a; if b)", "has `)` where `if` still needs its `then`."),
    ("a &&", "has no command after `&&`."),
    ("a |", "has no command after `|`."),
    ("|| a", "has no command before `||`."),
    ("a | | b", "has no command after `|` and before `|`."),
    ("; a", "has no command before `;`."),
    ("a >", "has no file name after `>`."),
    ("a > | b", "has no file name after `>`."),
    ("cat <<EOF", "has `<<`, which needs lines of its own"),
    ("cat <<< x", "has `<<<`, which needs lines of its own"),
    ("echo 'a", "has `'` without its closing `'`."),
    ("echo it's", "has `'` without its closing `'`."),
    ('echo "a', 'has `"` without its closing `"`.'),
    ("echo `a", "has a backquote without its closing one."),
    ("echo `for x`", "has `for` without its `do`."),
    ("echo $(a", "has `$(` without its `)`."),
    ("echo ${a", "has `${` without its closing `}`."),
    ("echo $((1 + 2)", "has `$((` without its `))`."),
    ("gdal_calc.py --calc=A*(B>0)", "has `(` in the middle of a command; put quotes"),
    ("diff <(a) <(b)", "has `(` in the middle of a command"),
    ("(a) b", "has `b` right after `)`; put a `;` between them."),
    ("for x in a; do b; done echo", "has `echo` right after `done`; put a `;` between them."),
]

dash = shutil.which("dash")


def dash_takes(text: str) -> bool:
    assert dash
    return subprocess.run([dash, "-n", "-c", text], capture_output=True, check=False).returncode == 0


@pytest.mark.parametrize("text", WHOLE)
def test_a_whole_command_is_taken(text: str) -> None:
    assert problem_of(text) is None


@pytest.mark.parametrize(("text", "problem"), PARTS)
def test_a_part_of_a_command_is_refused_with_what_is_missing(text: str, problem: str) -> None:
    assert (problem_of(text) or "").startswith(problem)


@pytest.mark.skipif(not dash, reason="there is no dash here")
def test_these_examples_are_what_the_shell_takes_and_refuses() -> None:
    assert all(dash_takes(text) for text in WHOLE)
    refused = [text for text, _ in PARTS if not text.startswith("cat <<E")]
    assert not any(dash_takes(text) for text in refused)


def _built(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Commands made of commands, with every construct there is."""
    return st.one_of(
        st.tuples(inner, st.sampled_from(["; ", " && ", " | ", " & ", " || "]), inner).map("".join),
        inner.map("( {} )".format),
        inner.map("{{ {}; }} 2>&1".format),
        inner.map('echo "$( {} )" x'.format),
        inner.map("x=$( {} ) y".format),
        inner.map("! {}".format).filter(lambda text: not text.startswith("! !")),
        inner.map("for f in a $b *.c; do {}; done".format),
        inner.map("while {}; do :; done > f".format),
        inner.map("case $x in a|b) {} ;; *) y; esac".format),
        st.tuples(inner, inner, inner).map(lambda three: "if {}; then {}; else {}; fi".format(*three)),
    )


words = st.sampled_from(
    [
        "a",
        "do",
        "in",
        "fi",
        "}",
        "'b c'",
        '"$d e"',
        "${f:-g}",
        "$(h)",
        "`i`",
        "$((1+2))",
        "\\;",
        "*.tif",
        "#x",
        "2>&1",
    ]
)
simple = (
    st.lists(words, max_size=4)
    .map(lambda rest: " ".join(["cmd", *rest]))
    .filter(lambda text: " #x" not in text)
)
commands = st.recursive(simple, _built, max_leaves=6)


@settings(max_examples=200)
@given(commands)
def test_every_command_built_by_the_grammar_is_taken(text: str) -> None:
    assert problem_of(text) is None


@pytest.mark.skipif(not dash, reason="there is no dash here")
@settings(max_examples=200, deadline=None)
@given(commands, st.data())
def test_a_command_cut_short_is_refused_where_the_shell_refuses_it(text: str, data: st.DataObject) -> None:
    cut = text[: data.draw(st.integers(1, len(text)))]
    if not dash_takes(cut):
        assert problem_of(cut) is not None
    elif "`" not in cut:  # what is in backquotes, the shell reads only when it runs them
        assert problem_of(cut) is None
