from __future__ import annotations

import ast
import io
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import ogdc_cli
from ogdc_cli.terminal import guarded, one_line, print_json, printable, say

ANY_TEXT = st.text(st.characters(codec=None, exclude_categories=()))
PRINTERS = {"echo", "secho", "print"}


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("caf\u00e9 \u96ea \u2192 \u2026\u3000x", "caf\u00e9 \u96ea \u2192 \u2026\u3000x"),
        ("a\tb\nc\r\nd", "a\tb\nc\nd"),
        ("10%\r20%", r"10%\x0d20%"),
        ("\x1b]0;title\x07", r"\x1b]0;title\x07"),
        ("\x9b2J\x85\x7f\0", r"\x9b2J\x85\x7f\x00"),
        ("\u202egpj.exe\u2066\u200b\ufeff\u2028", r"\u202egpj.exe\u2066\u200b\ufeff\u2028"),
        ("caf\udce9 \ud800", r"caf\xe9 \ud800"),
        ("\U000e0041", r"\U000e0041"),
    ],
)
def test_invisible_characters_are_escaped(text: str, shown: str) -> None:
    assert printable(text) == shown


@given(ANY_TEXT)
def test_escaping_is_idempotent_for_any_text(text: str) -> None:
    shown = printable(text)
    assert all(c.isprintable() or c.isspace() for c in shown)
    assert not set(shown) & set("\r\v\f\x1b\x85\u2028\u2029")
    assert printable(shown) == shown
    shown.encode()


@given(ANY_TEXT)
def test_a_line_break_is_escaped_in_a_line(text: str) -> None:
    assert len(one_line(text).splitlines()) <= 1


@pytest.mark.parametrize(
    ("encoding", "printed"),
    [
        ("utf-8", "\u2026 \u2192 \u96ea caf\u00e9 \\x1b\n"),
        ("latin-1", "... -> \\u96ea caf\u00e9 \\x1b\n"),
        ("ascii", "... -> \\u96ea caf\\xe9 \\x1b\n"),
    ],
)
def test_output_works_with_every_encoding(
    monkeypatch: pytest.MonkeyPatch, encoding: str, printed: str
) -> None:
    device = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(device, encoding=encoding))
    with guarded():
        say("\u2026 \u2192 \u96ea caf\u00e9 \x1b")
    assert device.getvalue().decode(encoding) == printed


def test_no_unsafe_character_reaches_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with guarded():
        print("\x1b[2J")
        sys.stderr.write("\x1b[2J")
        assert not hasattr(sys.stdout, "buffer")
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("\\x1b[2J\n", "\\x1b[2J")


@given(ANY_TEXT)
def test_json_stays_json(text: str) -> None:
    import json
    from contextlib import redirect_stdout

    with redirect_stdout(io.StringIO()) as out:
        print_json({"text": text})
    assert json.loads(out.getvalue()) == {"text": text}


def test_only_one_module_prints() -> None:
    package = Path(ogdc_cli.__file__).parent
    sources = [file for file in package.rglob("*.py") if file.name != "terminal.py"]
    assert [str(file) for file in sources if _prints(ast.parse(file.read_text()))] == []


def _prints(tree: ast.Module) -> bool:
    calls = (node.func for node in ast.walk(tree) if isinstance(node, ast.Call))
    names = {func.attr if isinstance(func, ast.Attribute) else getattr(func, "id", "") for func in calls}
    return bool(names & PRINTERS)
