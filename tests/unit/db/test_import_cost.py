import subprocess
import sys

import pytest

MODULES = "database, events, runs, submissions, tasks, users"
UNWANTED = {"psycopg_pool", "pydantic", "yaml", "hera", "flask", "urllib3", "boto3"}


@pytest.mark.slow
def test_database_code_imports_nothing_heavy_but_psycopg():
    program = f"import sys; from ogdc_shared.db import {MODULES}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert UNWANTED & set(done.stdout.split()) == set()
