"""What a task reports to the outside: log events, progress and the termination message."""

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
"""Events about completed work, which are also written to the journal."""
_mask: Mask | None = None
"""Masks the secrets that this process knows."""


def hide(values: Iterable[str]) -> None:
    """Mask these values in everything that is written from now on."""
    global _mask  # noqa: PLW0603  a secret is one for the whole process
    from ogdc_worker.secrets import Mask

    _mask = Mask(values)


class Reporter:
    """Writes to the log (stdout), to Argo's progress file and to Kubernetes' termination message.

    Args:
        progress_file: Where Argo's executor looks for `done/total`, or None if it does not.
        last_words_file: Where Kubernetes finds the reason for a failure.

    Attributes:
        doing: Description of the running command; empty between commands.
        warnings: All warnings so far, including those of earlier tries of this task, or None if there are
            none.
        warnings_fail: Whether `refuse_warnings` raises an error.
        copy: Descriptor of a file that receives a copy of the log, or None.
        journal: Called with the log line of each event in `DONE`, or None.

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
        """Log one JSON line with a single write, so that the output of commands cannot split it."""
        line = redacted(json.dumps({"time": now(), "event": event} | facts, ensure_ascii=False))
        content = f"{line}\n".encode(errors="replace")
        log.write(content)
        if self.copy is not None:
            os.write(self.copy, content)
        if self.journal is not None and event in DONE:
            self.journal(line)

    def note(self, event: str, **facts: Any) -> None:
        """Write to the journal only, for the facts of the task."""
        if self.journal is not None:
            self.journal(redacted(json.dumps({"event": event} | facts, ensure_ascii=False)))

    def warn(self, kind: str, message: str, **facts: Any) -> None:
        """Log and count a warning that the result may be wrong; the run continues. Thread-safe.

        Args:
            kind: A word for programs, such as `no_data`.
            message: What happened, to which file, and what to do.
            facts: Further fields of the log event.
        """
        from ogdc_shared.run_warnings import one_warning  # most tasks have none

        message = redacted(message)
        self.event("warning", kind=kind, message=message, **facts)
        warning = one_warning(kind, message)
        with self._lock:
            self._unrecorded = self._unrecorded.plus(warning) if self._unrecorded else warning
            self.warnings = self.warnings.plus(warning) if self.warnings else warning

    def recall(self, warnings: RunWarnings) -> None:
        """Add warnings of earlier tries of this task or of earlier tasks."""
        with self._lock:
            self.warnings = warnings.plus(self.warnings) if self.warnings else warnings

    def take_unrecorded(self) -> RunWarnings | None:
        """Return the warnings since the last call, or None, so that the caller can store them."""
        with self._lock:
            taken, self._unrecorded = self._unrecorded, None
        return taken

    def refuse_warnings(self) -> None:
        """Fail if the recipe treats warnings as failures and there are unrecorded ones.

        Raises:
            WarningsError: there are.
        """
        if self.warnings_fail and self._unrecorded:
            from ogdc_shared.errors import WarningsError

            text = self._unrecorded.to_text()
            raise WarningsError(f"The recipe treats warnings as failures (workflow.warnings: fail). {text}")

    def leave_warnings(self, path: str) -> None:
        """Write all warnings to an Argo output parameter; writes nothing if there are none."""
        if self.warnings and self.warnings.total:
            with open(path, "w", encoding="ascii") as file:
                file.write(self.warnings.to_json())

    def progress(self, done: int, total: int) -> None:
        """Report how many of the commands have finished."""
        progress = f"{done}/{total}\n"
        if self._progress_file and progress != self._progress:
            _overwrite(self._progress_file, progress)
            self._progress = progress

    def last_words(self, message: str) -> None:
        """Write the termination message, cut to the size that Kubernetes keeps."""
        _overwrite(self._last_words_file, clip(message.replace("\0", ""), LAST_WORDS_BYTES))


def clip(text: str, size: int) -> str:
    """Shorten `text` to `size` bytes of UTF-8 by cutting out its middle.

    Secrets are redacted first, because a secret that is cut in half would no longer be recognized.
    """
    content = redacted(text).encode(errors="replace")
    if len(content) <= size:
        return content.decode()
    mark = " … "
    half = (size - len(mark.encode())) // 2
    return content[:half].decode(errors="ignore") + mark + content[-half:].decode(errors="ignore")


def redacted(text: str) -> str:
    """Redact secrets and credentials in URLs and headers; skips the regular expressions for most texts."""
    if _mask is not None:
        text = _mask.text(text)
    if not is_redactable(text):
        return text
    from ogdc_shared.redact import redact_text

    return redact_text(text)


def _overwrite(path: str, text: str) -> None:
    """Overwrite a file; errors are ignored, because a task must not fail when nobody reads its reports.

    The file is never empty in between, since somebody may be reading it. Besides, ext4 flushes a file at once
    that was truncated to zero and rewritten.

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
    """Return the time in UTC, such as 2026-11-27T15:04:05.678Z."""
    seconds, nanoseconds = divmod(time.time_ns(), 1_000_000_000)
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + f".{nanoseconds // 1_000_000:03d}Z"
