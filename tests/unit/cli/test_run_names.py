from __future__ import annotations

from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from ogdc_cli.api import ApiClient
from ogdc_cli.commands import run_argument
from ogdc_cli.commands.run_argument import RunArgument, RunCommand
from ogdc_cli.run_names import find_name
from ogdc_cli.settings import ClientSettings
from ogdc_shared.errors import InvalidRequestError, UnknownRunError
from support.answers import run_detail

NAMES = ["ice-bbbbbbbbbb", "ice-sheet-aaaaaaaaaa", "seals-cccccccccc"]
"""Newest first."""


class Deployment(ApiClient):
    """A service that knows nothing of `name_prefix`, as the one before did not."""

    def __init__(self) -> None:
        super().__init__(ClientSettings.from_env({"OGDC_API_URL": "http://x", "OGDC_USER": "anna"}))

    def runs(self, **filters: Any) -> Any:
        assert filters.pop("submitted_by", "anna") == "anna"
        return iter(run_detail(name=name) for name in NAMES)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("-1", NAMES[0]),
        ("-3", NAMES[2]),
        ("s", NAMES[2]),
        ("ice-s", NAMES[1]),
        (NAMES[1], NAMES[1]),
        ("gone-dddddddddd", "gone-dddddddddd"),
    ],
)
def test_a_run_is_found(text: str, name: str) -> None:
    assert find_name(Deployment(), text) == name


@pytest.mark.parametrize(
    ("text", "error", "words"),
    [
        ("-4", InvalidRequestError, "There are 3 runs of anna"),
        ("ice", InvalidRequestError, "ice-bbbbbbbbbb, ice-sheet-aaaaaaaaaa"),
        ("fish", UnknownRunError, "fish"),
        ("", UnknownRunError, "no run named ''"),
        ("../x", UnknownRunError, "x"),
    ],
)
def test_what_is_no_run_is_refused(text: str, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        find_name(Deployment(), text)


@pytest.mark.parametrize(
    ("arguments", "taken"),
    [
        (["-1"], ("-1", 0)),
        (["--tail", "5", "-12"], ("-12", 5)),
        (["-2", "--tail=7"], ("-2", 7)),
        (["--", "-3"], ("-3", 0)),
        (["seals"], ("seals", 0)),
    ],
)
def test_a_negative_position_is_not_parsed_as_an_option(
    monkeypatch: pytest.MonkeyPatch, arguments: list[str], taken: tuple[str, int]
) -> None:
    seen: list[tuple[str, int]] = []
    monkeypatch.setattr(run_argument, "connected", lambda **_: None)
    monkeypatch.setattr("ogdc_cli.run_names.find_name", lambda _client, text: text)
    app = typer.Typer()

    @app.command(cls=RunCommand)
    def logs(name: RunArgument, tail: int = 0) -> None:
        seen.append((run_argument.chosen(name)[1], tail))

    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    assert seen == [taken]


@pytest.mark.slow
def test_an_unknown_option_is_still_rejected(monkeypatch: pytest.MonkeyPatch) -> None:
    app = typer.Typer()

    @app.command(cls=RunCommand)
    def logs(name: RunArgument, tail: int = 0) -> None:
        raise AssertionError

    assert CliRunner().invoke(app, ["--tail", "-1x", "a"]).exit_code == 2
    assert CliRunner().invoke(app, ["-x", "a"]).exit_code == 2


def test_completion_prints_no_errors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OGDC_API_URL", "http://127.0.0.1:9")
    assert run_argument.complete("ice") == []
    monkeypatch.setattr("ogdc_cli.api.ApiClient", lambda _settings: Deployment())
    assert run_argument.complete("ice") == NAMES[:2]


def test_an_empty_name_matches_no_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(f"{__name__}.NAMES", NAMES[:1])
    with pytest.raises(UnknownRunError):
        find_name(Deployment(), "")
