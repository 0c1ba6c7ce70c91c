"""The facts of a partition whose result was taken: those of the task that made it, and which run that was."""

from __future__ import annotations

import json


def taken_facts(facts: bytes, *, partition: int, run: str, commands: int) -> bytes:
    """Say in a task's facts (see `process.facts`) that another run has taken what they tell of.

    Args:
        facts: The document.
        partition: The number that it has in the other run.
        run: The run whose task it was.
        commands: How many commands' results were taken.
    """
    line, _, rest = facts.partition(b",\n")
    head = json.loads(line + b"}") | {"partition": partition, "reused": {"run": run, "commands": commands}}
    return json.dumps(head, ensure_ascii=False).encode().removesuffix(b"}") + b",\n" + rest
