from __future__ import annotations

import time

import pytest

from ogdc_worker.process import reasons
from ogdc_worker.process.reasons import hints


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reasons, "has_only_loopback", lambda: True)


def hint(text: str = "x", *, code: int = 1, output: str = "", culprit: str = "") -> str:
    return hints(text, exit_code=code, output=output, path="/usr/bin:/opt/gdal/bin", culprit=culprit)


def test_an_arithmetic_command_that_fails_is_explained() -> None:
    assert "if its value is 0" in hint("n=0; for f in *; do ((n++)); done", culprit="((n++)) · n=0")
    assert "if its value is 0" in hint("let n=0")
    assert hint("n=0; ((n++)); a", culprit="a") == ""


def test_a_test_before_and_that_ends_a_line_is_explained() -> None:
    text = "for f in a b; do [ -e $f ] && cp $f c; done"
    assert "`if …; then …; fi`" in hint(text)
    assert hint(text, culprit="cp $f c") == ""
    assert hint(text, output="cp: no") == ""


def test_a_program_whose_reader_stopped_is_explained() -> None:
    output = "BrokenPipeError: [Errno 32] Broken pipe"
    assert "`sed -n 1p`" in hint("python3 a.py | head -1", output=output)
    assert hint("python3 a.py", output=output) == ""


@pytest.mark.parametrize(
    "output",
    [
        "sh: 1: mytool: not found",
        "bash: line 1: mytool: command not found",
        "/bin/sh: mytool: command not found",
        "env: \u2018mytool\u2019: No such file or directory",
        "/usr/bin/env: 'mytool': No such file or directory",
    ],
)
def test_a_program_that_is_not_there_is_named_with_the_places_looked_at(output: str) -> None:
    message = hint(code=127, output=output)
    assert "'mytool' was not found" in message
    assert "/usr/bin, /opt/gdal/bin" in message


def test_a_program_that_lacks_a_library_is_told_from_one_that_is_missing() -> None:
    output = "gdalx: error while loading shared libraries: libgdal.so.99: cannot open shared object file: X"
    message = hint(code=127, output=output)
    assert "'gdalx' is there, and libgdal.so.99" in message
    assert "was not found" not in message


def test_a_program_that_nothing_names_is_looked_for_in_the_same_places() -> None:
    assert "A program was not found. Programs are looked for in /usr/bin, " in hint(code=127)


@pytest.mark.parametrize(
    ("text", "output"),
    [
        ("curl -O https://example.org/x", ""),
        ("sh /input_dir/s.sh", "curl: (6) Could not resolve host: example.org"),
        ("sh s.sh", "wget: unable to resolve host address 'example.org'"),
        ("gdalinfo /vsicurl/http://example.org/x.tif", "ERROR 4: no such file"),
        ("python3 s.py", "socket.gaierror: [Errno -3] Temporary failure in name resolution"),
        ("python3 s.py", "urllib3: Failed to establish: [Errno 101] Network is unreachable"),
        ("git clone x", "fatal: unable to access: Couldn't connect to server"),
        ("gdalwarp a b", "ERROR 11: CURL error: Could not resolve host: example.org"),
    ],
)
def test_a_missing_network_is_reported_with_its_key(alone: None, text: str, output: str) -> None:
    assert "workflow.network: true" in hint(text, output=output)


def test_with_a_network_nothing_is_said_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reasons, "has_only_loopback", lambda: False)
    assert hint("curl https://example.org/x", output="curl: (6) Could not resolve host") == ""


def test_other_failures_are_unchanged(alone: None) -> None:
    assert hint("gdalwarp a.tif b.tif", output="ERROR 4: a.tif: No such file or directory") == ""


def test_a_silent_failure_is_explained_by_its_exit_code() -> None:
    assert "server answered with an error; with -sS" in hint("curl -sf http://h/a > b", code=22)
    assert "server answered with an error; with -nv" in hint("wget -q http://h/a", code=8)
    assert hint("curl -f http://h/a > b", code=22, output="curl: (22) 404") == ""
    assert hint("gdalwarp a b", code=22) == ""


def test_a_hard_link_that_cannot_be_is_answered_with_one_that_can() -> None:
    assert "ln -s" in hint(output="ln: failed to create hard link 'b' => 'a': Invalid cross-device link")


@pytest.mark.parametrize(
    "output",
    [
        "bash: line 1: /ogdc/recipe/run.sh: cannot execute: required file not found",
        "bash: /ogdc/recipe/run.sh: /bin/bash^M: bad interpreter: No such file or directory",
        "env: \u2018bash\\r\u2019: No such file or directory",
    ],
)
def test_a_script_of_windows_is_told_from_a_program_that_is_missing(output: str) -> None:
    message = hint(code=127, output=output)
    assert "line ends of Unix" in message
    assert "Programs are looked for" not in message


def test_a_script_that_is_not_executable_is_answered_with_what_makes_it_so() -> None:
    message = hint(code=126, output="bash: line 1: /ogdc/recipe/run.sh: Permission denied")
    assert "chmod +x" in message


@pytest.mark.parametrize("line", ["x" * 60_000, "7" * 60_000])
def test_a_very_long_line_is_searched_in_linear_time(line: str) -> None:
    started = time.process_time()
    reasons.hints("program", exit_code=127, output=line, path="/usr/bin")
    assert time.process_time() - started < 2
