"""Formatting a run's log: the worker's JSON lines as text, between the output of commands.

Logs are untrusted, because a recipe's commands write to them: a line that only resembles the worker's is
shown unchanged, and control sequences never reach a terminal (see `terminal`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any, NamedTuple

from ogdc_cli.amounts import counted, size_in_words
from ogdc_cli.terminal import printable

_WORDS = {
    "fetch_delayed": "{source}: {reason}; trying again in {seconds} s ({attempt} of {of})",
    "fetch_failed": "done without {source}: {reason}",
    "command_started": "command {number} of {of}{item}: {command}",
    "command_background": "command {number} of {of}{item} waits for its background processes: {processes}",
    "command_finished": "command {number} of {of}{item} finished after {seconds} s",
    "command_failed": "command {number} of {of}{item} failed with exit code {exit_code} after {seconds} s",
    "published": "published ({output})",
    "warning": "warning: {message}",
    "checks_skipped": "the outputs were not checked: {reason}",
    "failed": "failed: {message}",
    "failed_before": "an earlier attempt failed: {message}",
    "stopped": "stopped: {message}",
}
"""Event of the worker (see `worker.report`) → how it is worded."""
_STEPS = {
    "fetch": "fetching its inputs",
    "place": "fetching its inputs",
    "copy": "the last command",
    "check": "the last command",
}
"""Step of a task without a command's number → what had finished by its end."""
_ENDINGS = frozenset({"command_finished", "command_failed", "failed", "stopped"})
_REMEMBERED = 10_000
"""Events of a log that are recognized when it is read again; a reading has at most 1,000 lines."""
_TASK = re.compile(r"\[([^\]\s]+)\] (.*)", re.DOTALL)
_COLOUR = re.compile(r"\x1b\[[0-9;:]*[mK]")
"""What sets a colour, or clears a line before it is written anew."""


class Line(NamedTuple):
    """One line of a log."""

    task: str
    """Name of its task; empty if unknown."""
    text: str
    event: dict[str, str] | None
    """The worker's event, with values as text; None if a command wrote the line."""


def read_line(line: str) -> Line:
    """Take a line apart, as `GET /runs/{name}/logs` gives it: `[task] text`."""
    named = _TASK.fullmatch(line)
    task, text = named.groups() if named else ("", line)
    return Line(task=task, text=text, event=_event(text))


def described(line: Line) -> str:
    """Return a line for people: an event as a sentence, other output unchanged."""
    return printable(_in_words(line.event) if line.event else plain(line.text))


def plain(text: str) -> str:
    """What a program printed, without its colours; of a line that overwrote itself, the last state."""
    text = _COLOUR.sub("", text)
    return "\n".join(line.rstrip("\r").rpartition("\r")[2] for line in text.split("\n"))


class Step(NamedTuple):
    """A step or a warning of a run."""

    text: str
    time: str
    """When it was logged, in ISO 8601."""


class LogSummary:
    """What is known of a run from repeatedly reading the end of its log.

    Attributes:
        step: Description of the current step; empty if none has started.
        last: The last line that a command has printed in this step.
    """

    def __init__(self, log: str = "") -> None:
        """Take the beginning of a log as known; its steps are not news, and none of them is current."""
        self._seen: dict[str, None] = {}
        """The last events that were processed. They contain their times, so each is unique in a task."""
        self.step = self.last = ""
        self.update(log)
        self.step = self.last = ""

    def update(self, log: str) -> list[Step]:
        """Process the current end of the log.

        Returns:
            New steps and warnings since the last call.
        """
        steps: list[Step] = []
        for line in map(read_line, log.split("\n")):
            if line.event is None:
                self.last = described(line).strip() or self.last
                continue
            self.last = ""
            is_warning = line.event["event"] == "warning"
            if self._note(line.text) and (is_warning or _begins_step(line.event)):
                steps.append(Step(described(line), line.event["time"]))
                self.step = self.step if is_warning else steps[-1].text
        return steps

    def _note(self, text: str) -> bool:
        """Remember an event; False if it was processed before."""
        is_new = text not in self._seen
        self._seen.pop(text, None)
        self._seen[text] = None
        if len(self._seen) > _REMEMBERED:
            del self._seen[next(iter(self._seen))]
        return is_new


def _event(text: str) -> dict[str, str] | None:
    if not text.startswith('{"time": '):
        return None
    try:
        entry: dict[str, Any] = json.loads(text)
    except (ValueError, RecursionError):
        return None
    event = {key: " ".join(str(value).split()) for key, value in entry.items()}
    return event if event.get("event") and "time" in event else None


def _begins_step(event: dict[str, str]) -> bool:
    """What ends is worth a word only where nothing else begins with it: after the last command."""
    is_last = event["event"] == "command_finished" and event.get("number") == event.get("of")
    return is_last or event["event"] not in _ENDINGS


def _fetching(event: dict[str, str]) -> str:
    """Return the progress of inputs: `fetching a.tif (3 of 40): 12 of 50 MiB, 2.5 MiB/s; 180 MiB in all`."""
    try:
        have, rate, total = (size_in_words(float(event[key])) for key in ("file_bytes", "rate", "bytes"))
        number = f" ({int(event['done']) + 1} of {event['of']})" if event["of"] != "1" else ""
        whole = f" of {size_in_words(float(event['size']))}" if event["size"].isdecimal() else ""
    except (KeyError, ValueError):
        return "fetching"
    in_all = f"; {total} in all" if number else ""
    return f"fetching {event.get('source', '')}{number}: {have}{whole}, {rate}/s{in_all}"


def _finished(step: str) -> str:
    """Return what a task had finished by the end of a step of its checkpoint (see `worker.process`)."""
    return _STEPS.get(step) or re.sub(r"^(run|clear|hand on) (?=\d+$)", "command ", step)


def _in_words(event: dict[str, str]) -> str:
    kind = event["event"]
    try:
        if sentence := _SENTENCES.get(kind):
            return sentence(event)
        return _WORDS[kind].format_map({"item": _item(event)} | event)
    except (KeyError, ValueError):  # a newer worker's, or not the worker's at all
        facts = (f"{key}={value}" for key, value in event.items() if key not in {"time", "event"})
        return " ".join((kind.replace("_", " "), *facts))


def _item(event: dict[str, str]) -> str:
    """Return the input that a command runs for, in parentheses; empty if it runs for all of them."""
    file = event.get("file", "").removeprefix("/input_dir/")
    return f" ({file})" if file else ""


def _fetched(event: dict[str, str]) -> str:
    if event.get("cached") == "True":
        return f"{event['name']} is unchanged since it was last fetched"
    return f"fetched {event['name']} ({size_in_words(int(event['size']))})"


def _listed(event: dict[str, str]) -> str:
    """Return what a listing has found; sizes are only known where files were listed."""
    files, size, partitions = (int(event[key]) for key in ("files", "bytes", "partitions"))
    of_size = f" ({size_in_words(size)})" if size else ""
    return f"listed the inputs: {counted(files, 'file')}{of_size} in {counted(partitions, 'partition')}"


def _reused(event: dict[str, str]) -> str:
    partitions, of, begun = (int(event[key]) for key in ("partitions", "of", "begun"))
    first = f"the first commands of {counted(begun, 'partition')}" if begun else ""
    if not partitions:
        return f"reused {first or 'nothing'} from earlier runs"
    return f"reused {partitions:,} of {counted(of, 'partition')} from earlier runs" + (
        f", and {first}" if first else ""
    )


def _checked(event: dict[str, str]) -> str:
    """Return how many outputs of a task were checked; its text files are not opened with GDAL."""
    files, of = int(event["files"]), int(event["of"])
    part = f"{files:,} of " if files < of else ""
    return f"checked {part}{counted(of, 'output')} with GDAL"


def _resumed(event: dict[str, str]) -> str:
    return f"continues after {_finished(event['after'])}"


_SENTENCES: dict[str, Callable[[dict[str, str]], str]] = {
    "fetching": _fetching,
    "fetched": _fetched,
    "listed": _listed,
    "reused": _reused,
    "outputs_checked": _checked,
    "resumed": _resumed,
}
"""Event of the worker → the function that words it, where its facts need more than a template.

They raise KeyError or ValueError if a fact is missing."""
