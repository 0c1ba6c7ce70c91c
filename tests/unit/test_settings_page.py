from __future__ import annotations

import ast
import importlib
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from ogdc_cli.login import browser
from ogdc_local.sandbox import base, bubblewrap, programs
from ogdc_local.stack import environment
from ogdc_shared import layout
from ogdc_shared.servers.proxies import PROXY_VARIABLES
from ogdc_shared.tls import CA_FILES

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "settings.md").read_text()
PROGRAMS = sorted(path for folder in ("shared", "cli", "functions") for path in (ROOT / folder).rglob("*.py"))
COMPUTED = {
    "cli/ogdc_cli/action.py": [],  # inputs of the GitHub Action
    "cli/ogdc_cli/github.py": ["GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY"],
    "cli/ogdc_cli/login/browser.py": [*browser._REMOTE, *browser._DISPLAYS],
    "cli/ogdc_cli/settings.py": [],  # those of the table
    "cli/ogdc_local/sandbox/bubblewrap.py": [*bubblewrap._PASSED_ON, *base.CERTIFICATE_VARIABLES],
    "cli/ogdc_local/sandbox/containers.py": [*PROXY_VARIABLES, "TZ"],
    "cli/ogdc_local/sandbox/programs.py": programs.VARIABLES,
    "cli/ogdc_local/stack/egress.py": PROXY_VARIABLES,
    "cli/ogdc_local/stack/environment.py": [*programs.VARIABLES, *environment.OF_FETCHING],  # and the tables
    "shared/ogdc_shared/tls.py": CA_FILES,
    "shared/ogdc_shared/variables.py": [],  # those of the tables
    "shared/ogdc_worker/process/partition.py": [f"{layout.COMMAND_VARIABLE}…"],
    "shared/ogdc_worker/reuse/programs.py": programs.VARIABLES,
}
"""What modules read whose expressions are not constants: names, or prefixes with `…`."""
ELSEWHERE = re.compile(
    r"HTTP_\w+|REQUEST_METHOD|PATH_INFO|QUERY_STRING|CONTENT_LENGTH|\w+\.\w+"  # WSGI's `environ` of a request
    r"|OGDC_ACTION_RECIPE"  # an input of the GitHub Action
)


def is_environment(node: ast.expr) -> bool:
    return ast.unparse(node).rpartition(".")[2].strip("_") in {"environ", "env"}


def read_names(tree: ast.Module) -> Iterator[ast.expr]:
    for node in ast.walk(tree):
        match node:
            case ast.Subscript(value=value, slice=name) if is_environment(value):
                yield name
            case ast.Call(func=ast.Attribute(value=value, attr=method), args=[name, *_]):
                if method == "getenv" or (method in {"get", "pop", "setdefault"} and is_environment(value)):
                    yield name
            case ast.Compare(left=name, ops=[ast.In() | ast.NotIn()], comparators=[value]):
                if is_environment(value):
                    yield name


def variables_of(path: Path) -> Iterator[str]:
    """Yield the environment variables that a module reads."""
    place = path.relative_to(ROOT).as_posix()
    for name in read_names(ast.parse(path.read_text())):
        if isinstance(name, ast.Constant):
            yield name.value
        elif (constant := constant_of(path, name)) is not None:
            yield constant
        else:
            assert place in COMPUTED, f"{place}:{name.lineno}: add what it reads to COMPUTED"
            yield from COMPUTED[place]


def constant_of(path: Path, name: ast.expr) -> str | None:
    """Return the value of a constant of a module or of `layout`; None for a local variable."""
    if not re.fullmatch(r"(\w+\.)?[A-Z_]+", text := ast.unparse(name)):
        return None
    module = importlib.import_module(".".join(path.relative_to(ROOT).with_suffix("").parts[1:]))
    constant = text.removeprefix("layout.")  # some functions import theirs from there
    return str(getattr(module, constant, None) or getattr(layout, constant))


def test_the_page_is_current() -> None:
    rendered = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "settings")], capture_output=True, text=True, check=True
    ).stdout

    assert rendered == PAGE, "renew it: make settings"


def test_the_page_has_every_variable_that_a_program_reads() -> None:
    first_cells = re.findall(r"^\| ([^|]+) \|", PAGE, re.MULTILINE)
    listed = {name for cell in first_cells for name in re.findall(r"`([^`]+)`", cell)}
    read = {name for path in PROGRAMS for name in variables_of(path)}

    assert {"TERM", "WORKERS", "ACTIONS_ID_TOKEN_REQUEST_URL", layout.PHASE} <= read
    assert sorted(name for name in read - listed if not ELSEWHERE.fullmatch(name)) == []
