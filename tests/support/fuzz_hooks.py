"""What `make fuzz` has schemathesis do besides: ask about things that are there, and count the answers.

OGDC_FUZZ_KNOWN holds ids and names as JSON, by the name of the path's parameter, and the `recipe_path` to
take for those that lead to other machines, which have nothing to do with this. No user or token is changed
but those: schemathesis finds others in answers, and a caller would end their own token. The answers are added
to OGDC_FUZZ_ANSWERS, a line `COUNT CALLER STATUS` each, and of a fault what was asked and answered.
"""

from __future__ import annotations

import atexit
import json
import os
import random
from collections import Counter
from pathlib import Path
from threading import Lock
from typing import Any
from urllib.parse import unquote
from uuid import UUID

import schemathesis

from support.packed_bodies import send_packed_bodies

send_packed_bodies()

_OFTEN = 0.5
"""The part of requests that are about something that is there."""
_known: dict[str, list[str]] = json.loads(os.environ["OGDC_FUZZ_KNOWN"])
_caller = os.environ["OGDC_FUZZ_CALLER"]
_answers: Counter[str] = Counter()
_chance = random.Random()
_lock = Lock()


@schemathesis.hook
def before_call(context: Any, case: schemathesis.Case[Any], kwargs: dict[str, Any]) -> None:
    """Have some requests be about what is there."""
    for name in case.path_parameters or {}:
        if name in _known and (_is_callers(name, case) or _chance.random() < _OFTEN):
            case.path_parameters[name] = _chance.choice(_known[name])
    if isinstance(case.body, dict) and "://" in str(case.body.get("recipe_path")):
        case.body["recipe_path"] = _chance.choice(_known["recipe_path"])


def _is_callers(name: str, case: schemathesis.Case[Any]) -> bool:
    """Whether a change could be of who calls: it is of somebody, and not of one that is for that."""
    if case.method not in {"PATCH", "DELETE"}:
        return False
    try:
        UUID(unquote(str(case.path_parameters[name])))
    except ValueError:
        return False
    return True


@schemathesis.hook
def after_call(context: Any, case: schemathesis.Case[Any], response: Any) -> None:
    """Count an answer."""
    answer = f"{_caller} {response.status_code}"
    if response.status_code >= 500:
        answer += f" {case.method} {case.operation.path}: {response.text[:200]!r}"
    with _lock:
        _answers[answer] += 1


@atexit.register
def _write_answers() -> None:
    with Path(os.environ["OGDC_FUZZ_ANSWERS"]).open("a") as file:
        file.writelines(f"{count} {answer}\n" for answer, count in sorted(_answers.items()))
