"""What a task tells those outside: log lines, progress, and its last words."""

from __future__ import annotations

import json
import os
import time
from _thread import allocate_lock
from contextlib import suppress
from typing import TYPE_CHECKING

from ogdc_shared.layout import TERMINATION_LOG_PATH
from ogdc_shared.redactable import is_redactable
from ogdc_worker import log

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    from ogdc_shared.run_warnings import RunWarnings
    from ogdc_worker.secrets import Mask

LAST_WORDS_BYTES = 4000
"""Kubernetes cuts a termination message at 4096 bytes."""

DONE = frozenset({"fetched", "command_finished", "command_failed", "outputs_checked"})
"""Events that tell what a task has done."""
_mask: Mask | None = None
"""Of the secrets that this process knows."""


def hide(values: Iterable[str]) -> None:
    """Have these values left out of all that is written from now on."""
    global _mask  # noqa: PLW0603  a secret is one for the whole process
    from ogdc_worker.secrets import Mask

    _mask = Mask(values)


class Reporter:
    """Speaks to the log (stdout), to Argo's executor and to Kubernetes.

    Args:
        progress_file: Where Argo's executor looks for `done/total`; None: nobody asks.
        last_words_file: Where Kubernetes finds the reason for a failure.

    Attributes:
        doing: The command that is running, in words; empty between commands.
        warnings: All that is known of, also of earlier lives of this task; None: there is none.
        warnings_fail: Whether `refuse_warnings` does so.
        copy: Descriptor of a file that has the log as well; None: there is none.
        journal: Takes the lines of events that tell what the task has done (`DONE`); None: nobody does.

    Source: docs/progress.md of argo-workflows; `terminationMessagePath` in Kubernetes' Container v1 core.
    """

    def __init__(
        self, *, progress_file: str | None = None, last_words_file: str = TERMINATION_LOG_PATH
    ) -> None:
        self._progress_file = progress_file
        self._last_words_file = last_words_file
        self._progress = ""
        self.doing = ""
        self._lock = allocate_lock()
        self._unrecorded: RunWarnings | None = None
        self.warnings: RunWarnings | None = None
        self.warnings_fail = False
        self.journal: Callable[[str], None] | None = None
        self.copy: int | None = None

    def event(self, event: str, **facts: Any) -> None:
        """Log one JSON line, in one write so that it stays whole among what commands print."""
        line = redacted(json.dumps({"time": now(), "event": event} | facts, ensure_ascii=False))
        content = f"{line}\n".encode(errors="replace")
        log.write(content)
        if self.copy is not None:
            os.write(self.copy, content)
        if self.journal is not None and event in DONE:
            self.journal(line)

    def note(self, event: str, **facts: Any) -> None:
        """Keep what the task's facts are made of, and say nothing of it."""
        if self.journal is not None:
            self.journal(redacted(json.dumps({"event": event} | facts, ensure_ascii=False)))

    def warn(self, kind: str, message: str, **facts: Any) -> None:
        """Say what may be wrong with the result; the run counts it and goes on. May be called by any thread.

        Args:
            kind: For programs: a word such as `no_data`.
            message: For people: what, which, what to do.
            facts: What the log has besides.
        """
        from ogdc_shared.run_warnings import one_warning  # most tasks have none

        message = redacted(message)
        self.event("warning", kind=kind, message=message, **facts)
        warning = one_warning(kind, message)
        with self._lock:
            self._unrecorded = self._unrecorded.plus(warning) if self._unrecorded else warning
            self.warnings = self.warnings.plus(warning) if self.warnings else warning

    def recall(self, warnings: RunWarnings) -> None:
        """Take in warnings of others: of this task's earlier lives, of the tasks before it."""
        with self._lock:
            self.warnings = warnings.plus(self.warnings) if self.warnings else warnings

    def take_unrecorded(self) -> RunWarnings | None:
        """Give the warnings since this was last asked, for whoever keeps them; None: there is none."""
        with self._lock:
            taken, self._unrecorded = self._unrecorded, None
        return taken

    def refuse_warnings(self) -> None:
        """Fail for what was warned of since it was last recorded, where the recipe wants no warnings.

        Raises:
            WarningsError: there is something, and it does.
        """
        if self.warnings_fail and self._unrecorded:
            from ogdc_shared.errors import WarningsError

            text = self._unrecorded.to_text()
            raise WarningsError(f"The recipe takes warnings for failures (workflow.warnings: fail). {text}")

    def leave_warnings(self, path: str) -> None:
        """Leave all warnings where Argo looks for an output parameter; nothing where there is none."""
        if self.warnings and self.warnings.total:
            with open(path, "w", encoding="ascii") as file:
                file.write(self.warnings.to_json())

    def progress(self, done: int, total: int) -> None:
        """Say how many of the commands are finished."""
        progress = f"{done}/{total}\n"
        if self._progress_file and progress != self._progress:
            _overwrite(self._progress_file, progress)
            self._progress = progress

    def last_words(self, message: str) -> None:
        """Leave the reason for a failure, cut to what Kubernetes keeps."""
        _overwrite(self._last_words_file, clip(message.replace("\0", ""), LAST_WORDS_BYTES))


def clip(text: str, size: int) -> str:
    """Make `text` fit into `size` bytes of UTF-8, leaving out its middle: beginnings and ends say most.

    What is nobody's business goes first, while it can still be distinguished from the rest.
    """
    content = redacted(text).encode(errors="replace")
    if len(content) <= size:
        return content.decode()
    mark = " … "
    half = (size - len(mark.encode())) // 2
    return content[:half].decode(errors="ignore") + mark + content[-half:].decode(errors="ignore")


def redacted(text: str) -> str:
    """Leave out what URLs and headers give away; most texts hold none, and need no regular expressions."""
    if _mask is not None:
        text = _mask.text(text)
    if not is_redactable(text):
        return text
    from ogdc_shared.redact import redact_text

    return redact_text(text)


def _overwrite(path: str, text: str) -> None:
    """Write for a reader that may not be there: a task must not fail for want of an audience.

    The file is never empty in between: somebody may read it just then, and ext4 writes to disk at once what
    is put into a file that was emptied.

    Source: `auto_da_alloc` in ext4(5).
    """
    content = text.encode(errors="replace")
    with suppress(OSError):
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            os.write(file, content)
            os.ftruncate(file, len(content))
        finally:
            os.close(file)


def now() -> str:
    """The time in UTC, as in 2026-11-27T15:04:05.678Z."""
    seconds, nanoseconds = divmod(time.time_ns(), 1_000_000_000)
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + f".{nanoseconds // 1_000_000:03d}Z"
