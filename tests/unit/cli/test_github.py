from __future__ import annotations

import contextlib
import io
import os
from pathlib import Path
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ogdc_cli import github
from ogdc_cli.terminal import printable
from support.github_runner import obeyed, outputs

texts = st.text(st.characters(codec="utf-8"))


def printed(*lines: object) -> str:
    return "".join(f"{line}\n" for line in lines)


@given(message=texts, title=texts)
def test_an_annotation_is_escaped_completely(message: str, title: str) -> None:
    with contextlib.redirect_stderr(io.StringIO()) as stderr:
        github.annotate("error", message, title=title, line=3, col=None)

    [command] = obeyed(stderr.getvalue())
    assert (command.name, command.data) == ("error", _written_out(message))
    assert command.properties == {"title": _written_out(title), "line": "3"}


def _written_out(text: str) -> str:
    return "\r".join(map(printable, text.split("\r")))


@given(values=st.dictionaries(st.from_regex(r"[a-z]{1,5}", fullmatch=True), texts))
def test_outputs_are_passed_on_unchanged(
    tmp_path_factory: pytest.TempPathFactory, values: dict[str, str]
) -> None:
    file = tmp_path_factory.mktemp("outputs") / "file"
    file.touch()
    with mock.patch.dict(os.environ, GITHUB_OUTPUT=str(file)):
        github.set_outputs(**values)

    with file.open(newline="") as written:
        assert dict(outputs(written.read())) == values


def test_workflow_commands_stay_disabled_even_after_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    with contextlib.suppress(ZeroDivisionError), github.commands_ignored():
        github.annotate("error", "written by somebody else")
        raise ZeroDivisionError
    github.annotate("notice", "ours")

    assert [command.data for command in obeyed(capsys.readouterr().err)] == ["ours"]


def test_a_summary_is_escaped_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary"))
    github.summarize("a | b\n# c", {"run": "**x** <b> [y](z)\n|"}, "</pre>\n\n# d")

    written = (tmp_path / "summary").read_text()
    assert not set("*<>[]|") & set(written.split("| run | ")[1].split(" |\n")[0])
    assert written.splitlines()[0] == "### a &#124; b &#35; c"
    assert written.count("</pre>") == 1


def test_without_a_runner_nothing_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GITHUB_OUTPUT", raising=False)
    github.set_outputs(run="r")

    assert list(tmp_path.iterdir()) == []
    assert capfd.readouterr() == ("", "")
