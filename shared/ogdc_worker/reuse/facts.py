"""The facts of a partition with a reused result: those of the original task, with a note of its run."""

from __future__ import annotations

import json


def taken_facts(facts: bytes, *, partition: int, run: str, commands: int) -> bytes:
    """Mark a task's facts (see `process.facts`) as reused by another run.

    Args:
        facts: The document.
        partition: The partition's number in the other run.
        run: Name of the original run.
        commands: Number of commands with reused results.
    """
    line, _, rest = facts.partition(b",\n")
    head = json.loads(line + b"}") | {"partition": partition, "reused": {"run": run, "commands": commands}}
    return json.dumps(head, ensure_ascii=False).encode().removesuffix(b"}") + b",\n" + rest
