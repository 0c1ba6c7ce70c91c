"""Labels of log lines: the names that requests use for tasks, instead of those of their pods."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import cache

from ogdc_shared.argo.pod_names import fnv1a, node_hashes
from ogdc_shared.argo.state import TaskState
from ogdc_shared.layout import task_name

_LABEL = re.compile(rb"^\[([^\]\s]+)\] ", re.MULTILINE)


def with_task_names(
    blocks: Iterator[bytes], *, run: str, pages: Iterator[list[TaskState]]
) -> Iterator[bytes]:
    """Replace the labels of log lines, `[process-2904774788]`, by names of tasks, `[process/3]`.

    The label of a pod without a recorded task is left unchanged.

    Args:
        blocks: Blocks of whole lines `[pod] text`, as `argo.client.logs` yields them.
        run: The run's name.
        pages: The run's tasks. A page is only requested for a pod that is not of an earlier one.
    """
    name_of = cache(_names(run, pages))
    for block in blocks:
        first = _LABEL.match(block)
        if first is None:
            yield block
            continue
        old, new = b"\n" + first[0], b"\n" + name_of(first[1])
        if block.count(old) == block.count(b"\n") - 1:  # all lines are of one pod, as in nearly every block
            yield new[1:] + block[first.end() :].replace(old, new)
        else:
            yield _LABEL.sub(lambda label: name_of(label[1]), block)


def _names(run: str, pages: Iterator[list[TaskState]]) -> Callable[[bytes], bytes]:
    """Return the function from a label's content to the label to print."""
    known: dict[tuple[str, int], str] = {}

    def name_of(label: bytes) -> bytes:
        template, _, number = label.decode(errors="replace").rpartition("-")
        if number.isascii() and number.isdecimal():
            nodes = [(template, node) for node in node_hashes(int(number))]
            while True:
                if found := next((known[node] for node in nodes if node in known), None):
                    return f"[{found}] ".encode()
                page = next(pages, None)
                if page is None:
                    break
                for task in page:
                    known[task.template, fnv1a(f"{run}.{task.name}")] = task_name(
                        task.template, task.partition
                    )
        return b"[" + label + b"] "

    return name_of
