"""Lines that a shell can read and that are wrong all the same."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from ogdc_shared.errors import InvalidRecipeError
from ogdc_shared.recipe.commands import read_script
from ogdc_shared.recipe.lines import Findings, findings
from ogdc_shared.recipe.shell import Shell

STRICT = ("bash", "-e", "-u", "-o", "pipefail", "-c")

UNNOTICED = r"""
false && true; true
for f in a b; do false && true; done; true
for f in a b; do test $f = b || false && true; done; true
while [ ! -e done ]; do touch done; false && true; done; true
case x in x) false && true;; esac; true
if true; then false && true; fi; true
if true; then false && true; else false; fi; true
(false && true; true)
echo "$(false && true; true)"
echo "$(false && true)"
f() { false && true; true; }; f
{ false && true; } > out; true
false > out && true; true
cd nowhere && true; true
true && { false && true; }; true
{ false; true; } || false
(set -e; false; true) || false
(false; true) > out || false
if { false; true; }; then true; fi
for f in ./nowhere .; do ls $f; done || false
for f in a b; do if true; then false; fi; true; done && true
for ((i = 0; i < 2; i++)); do false; true; done || false
echo a | while read f; do false; true; done || false
if true; then false; true; fi || false
case x in x) false; true;; esac && true
f() { false; true; }; f || false
cd . && { false; true; } && true
{ false & wait $!; true; } || false
set +e; set -e; { false; true; } || false
set +o pipefail; { false; true; } || false
x=$(false; true) || false
f() { false; true; }; x=$(f) || false
f() { false; true; }; g() { f; true; }; g || false
if x=$(false; true); then true; fi
! { false; true; } || [ -e . ]; true
if ! { false; true; }; then true; fi
false | cat | cat && true; true
for f in a b; do false && break; done; true
for f in a b; do false && break; true; done
for f in a b; do false && break || sleep 0; done; true
for f in a b; do if false; then break; fi; echo failed >&2; done; true
((1)) && false && true; true
time { false; true; } || false
time -p ! { false; true; } || [ -e . ]; true
true && time for f in a b; do false; true; done || false
for f in a b; do if false; then break; fi; done
for f in a b; do if false; then echo; break; else sleep 0; fi; done; true
for f in a b; do if ! false; then sleep 0; else break; fi; done; true
n=0; while [ $n -lt 2 ]; do if false; then break; fi; n=$((n + 1)); done; true
for f in a b; do false && s=0 && break || s=$? && sleep 0; done; true
for f in a b; do if false; then exit 0; fi; true; done
for f in a b; do false && exit; true; done
for f in a b; do false || continue; break; done
for f in a b; do if ! false; then continue; fi; break; done
for f in a b; do false && break; true; done || exit 1
n=0; until false; do n=$((n + 1)); [ $n -ge 3 ] && break; sleep 0; done
n=0; while [ $n -lt 3 ] && ! false; do n=$((n + 1)); done
n=0; until false || [ $n -ge 3 ]; do n=$((n + 1)); done
n=0; while true; do false && break; n=$((n + 1)); [ $n -ge 3 ] && { echo; break; }; done
n=0; while true; do n=$((n + 1)); if false; then break; elif [ $n -ge 3 ]; then break; fi; done
retry() { for i in 1 2; do "$@" && return 0; sleep 0; done; }; retry false
for f in a b; do false > "${OUTPUT_DIR:=.}/a" && break; true; done; cp /dev/null b
ok=0; false && ok=1; true
eval "false && true; true"
for f in a b; do eval "false && echo $f; true"; done
eval 'for f in a b; do false; true; done' || exit 1
""".strip().splitlines()

NOTICED = r"""
false && true
false && true # in the end
false && true > out && true
false && true > out 2> err && true && true < in
false && true;
{ false && true; }
(false && true); true
(false && true) | cat; true
x=$(false && true); true
f() { false && true; }; f; true
if true; then false && true; fi
case x in x) false && true;; esac
false && true &
for f in a b; do false; true; done
{ echo a; false; } || false
for f in a b; do false || exit 1; done || true
for f in a b; do if ! false; then exit 1; fi; done && true
if (echo a; false); then true; else false; fi
if true; then false; true; fi
retry() { for i in 1 2; do "$@" && return 0; done; return 1; }; retry false
for f in a b; do false && break; done
for f in a b; do false && break || exit 1; done
n=0; until false; do ((++n < 3)); done; true
x=$({ echo a; false; }) || false
x=$(false; true); true
(true && false) || false
[ "$(cat nowhere)" = a ] || false
time { false; true; }
for f in a b; do false && break; sleep 0; [ $f = b ] && exit 1; done
for f in a b; do if false; then break; fi; [ $f != b ] || exit 1; done; true
for f in a b; do if false; then break; elif [ $f = b ]; then exit 1; fi; done; true
for f in a b; do false && break; true; done; [ $f = a ]
for f in a b; do if false; then break; fi; sleep 0; done; test $f = a
for f in a b; do false && s=0 && break || s=$? && sleep 0; done; (exit $s)
for f in a b; do if false; then s=0; break; fi; done; echo $s
while true; do false && break; false; done
f() { for f in a b; do if false; then return 0; fi; done; return 1; }; f
for i in 1 2 3; do false && break; [ $i -lt 3 ]; true; done
for i in 1 2 3; do false && break; [ $i -lt 3 ] && true; done
for i in 1 2 3; do false && break || [ $i -lt 3 ]; done
for i in 1 2 3; do false && ok=1 && break; true; done; : "${ok:?}"
for i in 1 2 3; do false && exit 0; true; done; exit 1
for i in 1 2 3; do false || continue; exit 0; done; exit 1
ok=false; for i in 1 2 3; do false && ok=true && break; true; done; $ok
ok=0; false && ok=1; [ $ok = 1 ]
n=0; for f in a b; do false && n=$((n + 1)); done; [ $n -gt 0 ]
n=0; until false || [ $n -ge 3 ]; do n=$((n + 1)); done; [ $n -lt 3 ]
for i in 1 2 3; do false && break; true; done; cat nowhere
f() { for i in 1 2; do "$@" && return 0; true; done; }; f false; cat nowhere
""".strip().splitlines()

NOTICED_BY_THE_WORKER = {"false && true &", "x=$(false; true); true"}
"""See strict.bash."""

MEANT = r"""
if false && true; then false; fi
if false; then false; elif false && true; then false; fi
while false && true; do false; done
until ! (false && true); do false; done
false && true || true
{ false; true; } || true
(false; true) > out || :
{ false; true; } || { true; }
set +eu; { false; true; } || false
set +o errexit; false && true; true
set -u +e; false && true; true
echo a | grep b && false; true
retry() { for i in 1 2; do "$@" && return 0; done; true; }; retry false
if { [ -e nowhere ]; [ -e . ]; }; then true; fi
until [ -e done ]; do touch done; false || true; done
! false && true; true
[ -e nowhere ] && false; true
[[ -e nowhere ]] && false; true
((0)) && false; true
test -e nowhere && false; true
grep -q a /dev/null && false; true
[ -e nowhere ] > out && false; true
for f in a b; do false & done && wait
case x in x) [ -e . ]; esac || false
f() { shopt -s nullglob; mkdir -p x; rm -f x/*; date; [ -d x ]; }; f || false
set +e; false && true; { false; true; } || false
bash -c 'false && true; true'
for f in a b; do if [ -e nowhere ]; then break; fi; done
for f in a b; do if false; then break; fi; touch $f; done
""".strip().splitlines()

HIDDEN = r"""
sh -c 'false; true'
/bin/sh -uc 'false; true'
bash -c $'false\ntrue'
bash -c "for f in a b; do false; true; done"
env A=1 bash -u -c 'false | cat'
bash -ec 'false | cat'
bash -eo pipefail -c 'false && true; true'
echo a | xargs -I{} sh -c 'test -z {} -o -z {} ; cat nowhere/{}; true'
f() { false; true; }; export -f f; bash -c f
trap '' ERR; echo $(false)
for i in 1 2 3; do false && break; true; done; ls
false || echo failed >&2
for f in a b; do false || { echo "no $f"; continue; }; done
for f in a b; do false || break; done
if false; then true; else echo failed; fi
if ! false > /dev/null 2>&1; then echo failed; fi
false || failed=1
ls / | while read f; do cat > /dev/null; done
""".strip().splitlines()

NO_EFFECT = r"""
set -e
RES=10
A=1 B="$HOME"
export GDAL_NUM_THREADS=2
cd /output_dir
cd /output_dir && RES=10; umask 022
alias ll="ls -l"
declare -a list=(a b)
f() { cp a b; }
""".strip().splitlines()

EFFECT = r"""
cd /output_dir; cp /input_dir/a .
RES=10; gdalwarp -tr $RES $RES a b
X=$(cp /input_dir/a /output_dir)
A=1 env
f() { cp a b; }; f
true
ls
""".strip().splitlines()


DEFAULT = Shell()


def look(text: str, *, shell: Shell = DEFAULT, parallel: bool = False) -> Findings:
    return findings(text, shell, parallel=parallel)


def exit_code(text: str, directory: Path) -> int:
    return subprocess.run([*STRICT, text], cwd=directory, capture_output=True, check=False).returncode


@pytest.mark.parametrize("text", UNNOTICED)
def test_a_command_list_that_hides_failures_is_rejected(text: str, tmp_path: Path) -> None:
    assert exit_code(text, tmp_path) == 0, "bash would have noticed"
    (problem,) = look(text).problems
    assert problem.startswith("continues if `")


@pytest.mark.parametrize("text", NOTICED)
def test_a_command_list_whose_failure_ends_the_line_is_accepted(text: str, tmp_path: Path) -> None:
    assert text in NOTICED_BY_THE_WORKER or exit_code(text, tmp_path) != 0
    assert look(text).problems == ()


@pytest.mark.parametrize("text", MEANT)
def test_a_command_list_that_begins_with_a_test_is_accepted(text: str, tmp_path: Path) -> None:
    assert exit_code(text, tmp_path) == 0
    assert look(text).problems == ()


@pytest.mark.parametrize("text", UNNOTICED)
def test_a_recipe_that_is_not_strict_may_ignore_failures(text: str) -> None:
    assert look(text, shell=Shell("sh", strict=False)).problems == ()


@pytest.mark.parametrize("text", HIDDEN)
def test_failures_that_are_hidden_on_purpose_or_by_another_shell_cause_advice(
    text: str, tmp_path: Path
) -> None:
    assert exit_code(text, tmp_path) == 0
    found = look(text)
    assert found.problems == ()
    assert len(found.advice) == 1


@pytest.mark.parametrize("text", NO_EFFECT)
def test_a_line_without_effect_is_refused(text: str) -> None:
    (problem,) = look(text).problems
    assert problem.startswith("has no effect")


@pytest.mark.parametrize("text", EFFECT)
def test_a_line_with_an_effect_is_taken(text: str) -> None:
    assert look(text) == Findings()


@pytest.mark.parametrize(
    "text", ['cp "$INPUT_FILE" a', "cp ${OUTPUT_FILE} a", "cp ${INPUT_FILE%.tif}.tfw a", "a | b $INPUT_FILE"]
)
def test_variables_of_parallel_recipes_are_told_of_in_others(text: str) -> None:
    assert "only set in parallel recipes" in look(text).problems[0]
    assert "only set in parallel recipes" in look(text, shell=Shell("sh", strict=False)).advice[0]
    assert look(text, parallel=True) == Findings()


@pytest.mark.parametrize(
    "text",
    [
        "for INPUT_FILE in *; do a $INPUT_FILE; done",
        "INPUT_FILE=a; b $INPUT_FILE",
        "a ${INPUT_FILE:-b}",
        "a $INPUT",
    ],
)
def test_variables_set_in_the_line_itself_are_not_reported(text: str) -> None:
    assert look(text) == Findings()


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("cp \u201ca b\u201d c", "typographic quote \u201c (U+201C)"),
        ("gdalwarp \u2013t_srs EPSG:3413 a b", "typographic dash \u2013 (U+2013)"),
        ("cp a\u00a0b", "blank that is not a space"),
        ("cp a\u200b b", "character that cannot be seen"),
    ],
)
def test_characters_of_word_processors_are_reported(text: str, named: str) -> None:
    assert named in look(text).advice[0]
    assert look(f"echo '{text}' \"{text}\"") == Findings()


@pytest.mark.parametrize(
    ("text", "shell", "named"),
    [
        ("find . -name '*.tif' -exec gdaladdo {} \\;", Shell(), "find ignores it"),
        ("if gdalinfo a | grep -q b; then true; fi", Shell(), "the condition is false"),
        ("gdalinfo a | grep -im1 b > c && true", Shell(), "the condition is false"),
        ("while a | head -n 1 | grep b; do true; done", Shell(), "`a | head -n 1 | grep b`"),
        ("curl -sSL -o /output_dir/a.tif https://example.org/a.tif", Shell(), "--fail"),
        ("cd /output_dir; curl -O https://example.org/a.tif", Shell(), "--fail"),
        ("coproc a; b", Shell(), "its exit code is ignored"),
        ("ogr2ogr a b | gzip > c", Shell("sh"), "#!/bin/bash"),
        ('echo "$(a b)" > c', Shell("zsh"), "whose exit code zsh ignores"),
        ('[ "$(a b)" = c ]', Shell("ksh"), "`$(a b)`"),
        ("export X=$(a); b", Shell("sh"), "Assign it first"),
        ("ls | xargs -I{} sh -c 'a {}; b {}'", Shell(), "Write `bash -eo pipefail -c`"),
        (
            "f() { a; b; }; export -f f; ls | xargs -I{} bash -c 'f {}'",
            Shell(),
            "f() { set -eo pipefail; …; }",
        ),
        ("parallel 'a {}; b {}' ::: 1", Shell(), "Begin its command with `set -eo pipefail; `"),
        ('parallel -j 2 "a {} | gzip > {.}.gz" ::: *', Shell(), "only checks the last program of a pipe"),
        ("bash -ec 'a && b; c'", Shell(), "Write `;` instead of &&"),
        (". /input_dir/settings.sh", Shell(), "ends with reading a file"),
        ("ls | while read f; do cat > /dev/null; a $f; done", Shell(), "`cat` in that loop reads"),
        ("while read -r f; do ssh host a $f; done < <(ls)", Shell("sh"), "Add `< /dev/null`"),
        (
            "while read f; do x=$(timeout 9 ffmpeg -i $f b); done < <(ls)",
            Shell(),
            "`timeout 9 ffmpeg -i $f b`",
        ),
        ("while read f; do ogr2ogr $f.gpkg /vsistdin/; done < <(ls)", Shell(), "/vsistdin/"),
        ("while read f; do docker run -i b $f; done < <(ls)", Shell(), "docker run"),
        ("while read f; do ssh h a | cat; done < <(ls)", Shell(), "`ssh h a`"),
        ("while read f; do b <(ssh h a); done < <(ls)", Shell(), "`ssh h a`"),
        ("go() { awk '{print}'; }; ls | while read f; do go $f; done", Shell(), "`awk '{print}'`"),
        ("while read f; do python3 -; done < <(ls)", Shell(), "`python3 -`"),
        (
            "while IFS=, read -r f x; do a $f; done < $RECIPE_DIR/list.csv",
            Shell(),
            'Write `while IFS=, read -r f x || [ -n "$f" ]; do`',
        ),
        ("cat /input_dir/list | while read f; do a $f; done", Shell(), "the last line of /input_dir/list"),
        ("printf 'a\\nb' | while read f; do a $f; done", Shell(), "the last line of `printf 'a\\nb'`"),
        ("while read f; do a $f; done < <(echo -n a b | tr ' ' '\\n')", Shell(), "`echo -n a b`"),
        ("while read -d , f; do a $f; done < /input_dir/l", Shell(), '|| [ -n "$f" ]'),
        ("for f in *; do ogr2ogr /output_dir/a.gpkg $f; done", Shell(), "only the last one remains"),
        (
            "for f in *; do ogr2ogr -overwrite -nln b $OUTPUT_DIR/a.gpkg $f; done",
            Shell(),
            "$OUTPUT_DIR/a.gpkg",
        ),
        ("for f in *; do gdalinfo $f > /output_dir/info.txt; done", Shell(), "append: `>>`"),
        ("ls | while read f; do gdal_translate $f '/output_dir/a.tif'; done", Shell(), "/output_dir/a.tif"),
        ("cd /output_dir; for f in /input_dir/*; do ogr2ogr a.gpkg $f; done", Shell(), "writes a.gpkg"),
        (
            "for f in *; do n=$(basename $f); cp $f /output_dir/a.tif; echo $n; done",
            Shell(),
            "/output_dir/a.tif",
        ),
        (
            "find /input_dir -name a -exec cp {} /output_dir/a.tif \\;",
            Shell(),
            "writes /output_dir/a.tif for each",
        ),
        ("ls | xargs -I{} ogr2ogr /output_dir/a.gpkg {}", Shell(), "writes /output_dir/a.gpkg for each file"),
        ('for f in *; do gdal_translate "$f" "$OUTPUT_DIR"/a.tif; done', Shell(), "$OUTPUT_DIR/a.tif"),
        ('out=/output_dir/a.gpkg; for f in *; do ogr2ogr "$out" $f; done', Shell(), "/output_dir/a.gpkg"),
        ("D=/output_dir; for f in *; do gdalinfo $f > ${D}/a.txt; done", Shell(), "/output_dir/a.txt"),
        ("cat a | sort > a", Shell(), "reads and writes a, which the shell empties first"),
        ("grep -v b /output_dir/a.csv > /output_dir/a.csv", Shell(), "reads and writes /output_dir/a.csv"),
        ("a < b > b", Shell(), "rename it with mv"),
        ("ls | while read f; do gdaltransform -s_srs a; done", Shell(), "`gdaltransform -s_srs a`"),
        ("n=0; for f in *; do a $f; ((n++)); done", Shell(), "Write `n=$((n + 1))`"),
        ("n=0; for f in *; do a $f; let 'n--'; done", Shell(), "Write `n=$((n - 1))`"),
    ],
)
def test_failures_that_would_be_hidden_are_reported(text: str, shell: Shell, named: str) -> None:
    found = look(text, shell=shell)
    assert found.problems == ()
    assert named in found.advice[0]


@pytest.mark.parametrize(
    "text",
    [
        "find . -exec a {} +",
        "find . -name a | xargs b",
        "if gdalinfo a | grep b > c; then true; fi",
        "if true; then a | head -n 1 > b; fi",
        "a; b | grep -q c",
        "curl -fsSL -o a.tif https://example.org/a.tif",
        "curl --fail-with-body -O https://example.org/a.tif",
        "a | grep mosaic && b",
        "((1)) && a; b",
        "for i in 1 2 3; do a && break; done; case $i in 3) exit 1;; esac",
        "ls | xargs -I{} sh -ec 'a {}; b {}'",
        "bash -c 'a && b'",
        "bash -c 'set -euo pipefail; a | b; c'",
        "bash -eo pipefail -c 'a | b; c'",
        "parallel a {} {.}.png ::: *.tif",
        "parallel 'set -eo pipefail; a {}; b {}' ::: 1",
        "trap 'rm -f a' EXIT; b",
        "x=$(a || echo 0); b -a $x",
        "a || { echo failed; exit 1; }",
        "a || exit",
        "a || echo failed; [ -s b ]",
        "failed=; for f in *; do a $f || failed=1; done; [ -z $failed ]",
        "[ -s a ] || echo empty; mkdir b || echo exists",
        "cp /bin/sh a",
        "f() { set -eu; a; b; }; export -f f; ls | xargs -I{} bash -c 'f {}'",
        "while read f; do ssh -n h a $f; ffmpeg -nostdin -i $f b; docker run a $f; done < <(ls)",
        "while read f; do ffmpeg -i $f b < /dev/null; cat <<< $f; { cat; } < $f; done < <(ls)",
        "ls | while read f; do echo $f | ssh h a; cat $f | xargs b; done",
        "ls | while read f; do sed -n 2p $f; awk '{print}' $f; awk 'BEGIN {print 1}'; cat $f; done",
        "ls | while read f; do python3 $RECIPE_DIR/a.py $f; python3 -c 'a'; jq -n 1; wc -l < $f; done",
        "ls | while read f; do gdalwarp $f b; ogr2ogr b $f; find $f -name a; done",
        "ls | while read f; do parallel a ::: 1 2; xargs -a $f b; done",
        "while read -ru3 f; do cat; done 3< <(ls)",
        "while read f <&3; do cat; done 3< <(ls)",
        "for f in *; do cat; done < list",
        'while read f || [ -n "$f" ]; do a $f; done < /input_dir/list',
        "ls > /tmp/list; while read f; do a $f; done < /tmp/list",
        "printf '%s\\n' /input_dir/* | while read f; do a $f; done; while read f; do a; done < <(echo b)",
        'while read f; do a $f; done <<< "$(cat /input_dir/list)"',
        "cat /input_dir/list | sort | while read f; do a $f; done",
        "sort /input_dir/list | while read f; do a $f; done",
        "for f in *; do ogr2ogr -append /output_dir/a.gpkg $f; done",
        "for f in *; do ogr2ogr -overwrite /output_dir/a.gpkg $f; done",
        "for f in *; do gdalinfo $f >> /output_dir/info.txt; done",
        "for f in *; do gdalinfo $f; done > /output_dir/info.txt",
        "for f in *; do gdalwarp $f /output_dir/mosaic.tif; cp b /output_dir/c.txt; done",
        "for f in *; do gdal_translate $f /output_dir/a.tif; gdalwarp /output_dir/a.tif /output_dir/$f; done",
        "for f in *; do gdal_translate /output_dir/a.tif /output_dir/$f; done",
        "for f in *; do ogr2ogr -clipsrc /output_dir/a.shp $f b; done",
        "for i in 1 2; do ogr2ogr /output_dir/a.gpkg $i; done_=$i; exit 0; done",
        "((++n)); ((n += 1)); let n+=1; for ((i = 0; i < 3; i++)); do a; done; ((n++)) || true",
        "ls | xargs -I{} cp {} /output_dir/; ls | xargs -I{} ogr2ogr -append /output_dir/a.gpkg {}",
        "sort a > a.new; mv a.new a; awk 1 a >> a; echo a > a; sort < a 2> a.log; grep a b > /dev/null",
        "D=/output_dir; for f in *; do cp $f $D/; D=$D/b; done; for f in *; do cp $f $D/a.tif; done",
        'D=/output_dir; for f in *; do gdal_translate "$f" "$D/a.tif"; gdalwarp $D/a.tif $D/$f; done',
        "while read f; do a; done <&-; while read f; do a; done < <(); set; a",
        'eval "$(a)"; eval "$b"; eval "a; b"',
    ],
)
def test_lines_that_notice_failures_are_not_reported(text: str) -> None:
    assert look(text) == Findings()


@pytest.mark.parametrize(
    "text", ["cd x && " * 5000 + "a", "(" * 5000 + "cd x" + ")" * 5000, "cd x; " * 5000 + "a"]
)
def test_deeply_nested_lines_have_no_findings(text: str) -> None:
    assert look(text) == Findings()


def test_advice_names_the_line_and_the_recipe_can_run() -> None:
    script = read_script("cp a b\ncp \u201ca\u201d b\n")
    assert script.advice[0].startswith("recipe.sh: line 2: `cp \u201ca\u201d b` contains the typographic")
    assert len(script.commands) == 2


@pytest.mark.parametrize(
    ("first", "strict", "words"),
    [
        ("cp a b", True, "bash -e -u -o pipefail -c"),
        ("cp a b", False, "sh -c"),
        ("#!/bin/bash", True, "bash -e -u -o pipefail -c"),
        ("#!/bin/bash", False, "bash -c"),
        ("#!/usr/bin/env bash", True, "bash -e -u -o pipefail -c"),
        ("#!/usr/bin/env -S bash -x", True, "bash -e -u -o pipefail -x -c"),
        ("#! /bin/sh -eu", True, "sh -e -u -eu -c"),
        ("#!/usr/bin/zsh", True, "zsh -e -u -o pipefail -c"),
        ("#!/bin/dash", True, "dash -e -u -c"),
        ("# a comment", True, "bash -e -u -o pipefail -c"),
    ],
)
def test_lines_run_strictly_with_the_shell_that_the_file_names(first: str, strict: bool, words: str) -> None:
    assert read_script(f"{first}\ncp b c\n", strict=strict).shell.words == tuple(words.split())


@pytest.mark.parametrize(
    ("first", "named"),
    [
        ("#!/usr/bin/env python3", "names 'python3', but lines must be run by a shell"),
        ("#!/usr/bin/Rscript", "names 'Rscript'"),
        ("#!", "names 'nothing'"),
        ("#!/bin/bash -n", "has '-n', which is not supported"),
        ("#!/bin/bash --version", "has '--version'"),
        ("#!/bin/bash -o noexec", "has '-o'"),
    ],
)
def test_unsupported_shells_are_rejected(first: str, named: str) -> None:
    with pytest.raises(InvalidRecipeError, match=f"^recipe.sh: line 1: `{first}` ") as raised:
        read_script(f"{first}\r\ncp a b\r\n")
    assert named in str(raised.value)
