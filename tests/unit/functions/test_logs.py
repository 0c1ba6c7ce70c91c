import json
import logging
import subprocess
import sys

import pytest

from ogdc_functions.logs import JsonFormatter


def record(message: str, *args: object, **fields: object) -> logging.LogRecord:
    return logging.LogRecord(
        "ogdc.test", logging.WARNING, "file.py", 1, message, args, **{"exc_info": None} | fields
    )


def run(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code], check=True, timeout=60, capture_output=True, text=True
    )


def test_a_record_is_one_line_of_json():
    line = JsonFormatter().format(record("run %s\nis gone", "seals-ü"))

    assert "\n" not in line
    fields = json.loads(line)
    assert fields["message"] == "run seals-ü\nis gone"
    assert (fields["severity"], fields["logger"]) == ("WARNING", "ogdc.test")
    assert fields["time"].endswith("+00:00")


def test_a_traceback_is_a_field():
    try:
        raise ValueError("why")
    except ValueError:
        fields = json.loads(JsonFormatter().format(record("failed", exc_info=sys.exc_info())))

    assert "Traceback" in fields["exception"]
    assert "why" in fields["exception"]


@pytest.mark.slow
def test_importing_the_services_adds_no_log_handlers():
    code = (
        "import logging, ogdc_functions.submit, ogdc_functions.status, ogdc_functions.argo_events;"
        "assert not logging.getLogger().handlers"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_configured_logging_writes_json_to_stderr():
    code = (
        "import logging; from ogdc_functions.logs import configure_logging; configure_logging();"
        "logging.getLogger('a').info('hello'); logging.getLogger('a').debug('not this')"
    )
    done = run(code)

    assert json.loads(done.stderr)["message"] == "hello"
    assert done.stdout == ""


def test_warnings_are_json_too():
    code = (
        "import warnings; from ogdc_functions.logs import configure_logging; configure_logging();"
        "warnings.warn('this server is not checked')"
    )
    done = run(code)

    fields = json.loads(done.stderr)
    assert fields["severity"] == "WARNING"
    assert "this server is not checked" in fields["message"]
