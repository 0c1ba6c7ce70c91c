from __future__ import annotations

import subprocess
import sys

SLOW = ["flask", "http", "importlib.metadata", "logging", "psycopg", "subprocess", "urllib3", "waitress"]


def test_looking_for_the_stack_imports_nothing_slow():
    """Every command that talks to the API looks for a stack first."""
    script = f"""
import sys
from ogdc_local.stack.control import current
assert current() is None
print([name for name in {SLOW!r} if name in sys.modules])
"""
    done = subprocess.run(
        [sys.executable, "-S", "-c", f"import sys; sys.path[:] = {sys.path!r}\n{script}"],
        env={"OGDC_STATE_DIR": "/nonexistent"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "[]"
