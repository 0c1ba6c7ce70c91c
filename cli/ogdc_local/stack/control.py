"""Starting, finding and stopping the local stack, from any process of its user.

The lock tells whether it is up (see `lock`); the record next to it is valid only while the lock is held.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from ogdc_local.errors import DamagedStateError, StackError
from ogdc_local.stack.lock import PROGRAM, holder, is_alive, is_locked, may_hold, take_lock
from ogdc_local.stack.paths import StatePaths, open_log, read_state, set_aside, write_private

STATE_PATH = "/stack"
"""Path at which the gateway reports whether a workflow is running."""
IDLE_SECONDS = 600.0
"""Default time without requests after which a stack stops by itself, in seconds."""
_START_SECONDS = 90.0
_STOP_SECONDS = 30.0
_POLL_SECONDS = 0.02
_MAX_DAMAGED = 3
_MAX_PID = 1 << 31
_TOKENS = frozenset({"OGDC_TOKEN", "ACTIONS_ID_TOKEN_REQUEST_TOKEN"})
_KINDS = (int, str, str, str, dict, str)
_URL = re.compile(r"http://127\.0\.0\.1:[0-9]{1,5}")


class Stack(NamedTuple):
    """A running stack."""

    pid: int
    url: str
    """Base URL of the API."""
    started_at: str
    """ISO 8601, UTC."""
    version: str
    """The version of ogdc-runner that runs it."""
    settings: dict[str, str]
    """Settings from the environment of the command that started it."""
    installation: str = ""
    """Identifies its files (see `installation`); empty for earlier versions."""


def current(paths: StatePaths | None = None) -> Stack | None:
    """Return the running stack of this user's state directory; None if there is none or it is not ready."""
    paths = paths or StatePaths.from_env()
    if not is_locked(paths):
        return None
    stack = _recorded(paths)
    return stack if stack is not None and is_alive(stack.pid) and may_hold(paths, stack.pid) else None


def _recorded(paths: StatePaths) -> Stack | None:
    """Return the recorded stack if it is plausible, since commands send their tokens to its URL."""
    try:
        stack = Stack(**json.loads(read_state(paths.record)))
    except (OSError, ValueError, TypeError, RecursionError):
        return None
    values: tuple[object, ...] = stack
    if not all(isinstance(value, kind) for value, kind in zip(values, _KINDS, strict=True)):
        return None
    return stack if 0 < stack.pid < _MAX_PID and _URL.fullmatch(stack.url) else None


def outdated(environ: Mapping[str, str] | None = None) -> str:
    """Return how the running stack differs from this program, and what to do; empty if it does not."""
    env = os.environ if environ is None else environ
    stack = current(StatePaths.from_env(env))
    difference = stack and _difference(stack, env)
    if not difference:
        return ""
    return (
        f"The local stack {difference.what}. Restart it (ogdc-runner down; ogdc-runner up): its runs go on "
        "where they were."
    )


def ensure_up_without_damaged(
    *, idle_timeout: float | None, environ: Mapping[str, str] | None = None
) -> tuple[Stack, list[Path]]:
    """Call `ensure_up`; rename damaged parts of the state, and return their new paths.

    Raises:
        StackError: as there, for other reasons.
    """
    aside: list[Path] = []
    while True:
        try:
            return ensure_up(idle_timeout=idle_timeout, environ=environ), aside
        except DamagedStateError as exc:
            if len(aside) >= _MAX_DAMAGED:
                raise
            aside.append(set_aside(exc.path))


def ensure_up(*, idle_timeout: float | None, environ: Mapping[str, str] | None = None) -> Stack:
    """Return the running stack, or start one; of concurrent callers one starts it and all get it.

    A stack with another version, files or settings than the requested ones is restarted.

    Args:
        idle_timeout: Seconds without a request or workflow after which the stack stops by itself, or None for
            never. A stack that was once started with None keeps running.
        environ: The user's environment; None means the process's.

    Raises:
        StackError: it does not start, or has to be restarted but is busy.
    """
    env = os.environ if environ is None else environ
    paths = StatePaths.from_env(env)
    paths.create()
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        lock = take_lock(paths)
        if lock is not None:
            _make_room(paths)
            _set_idle_timeout(paths, idle_timeout)
            return _start(paths, lock=lock, environ=env)
        stack = current(paths)
        if stack is None:  # starting or stopping, or its record is damaged
            time.sleep(_POLL_SECONDS)
            _stop_damaged(paths)
        elif (difference := _difference(stack, env)) is not None and not _keep(stack, difference):
            _stop_only(paths, stack.pid)
        else:
            _prolong(paths, idle_timeout)
            if current(paths) == stack:  # it may have just stopped after its idle timeout
                return stack
    raise StackError(
        f"The local stack has been starting or stopping for {_START_SECONDS:.0f} seconds. "
        f"Look into {paths.stack_log}, or stop it: ogdc-runner down"
    )


def _make_room(paths: StatePaths) -> None:
    """Release the disk reserve so that a stack can start on a full disk; it takes the reserve again later."""
    from ogdc_local.stack.disk import RESERVE_BYTES, Reserve, free_bytes

    if free_bytes(paths.root) < RESERVE_BYTES // 2:
        Reserve(paths.reserve).release()


def revived() -> Stack | None:
    """Start the stack that has stopped and has runs, with an idle timeout; None if there has never been one.

    Raises:
        StackError: it does not start.
    """
    paths = StatePaths.from_env()
    return ensure_up(idle_timeout=IDLE_SECONDS) if any(paths.root.glob("pg-*")) else None


def down(paths: StatePaths | None = None) -> bool:
    """Stop the stack and everything it left running; returns whether one was running.

    Unfinished workflows continue at the next start.

    Raises:
        StackError: something does not end.
    """
    paths = paths or StatePaths.from_env()
    if not paths.lock.exists():
        return False
    lock = take_lock(paths)
    was_up = lock is None
    if lock is None:
        lock = _end(paths)
    if lock is not None:
        _clean(paths, lock)
    return was_up


def _stop_damaged(paths: StatePaths) -> None:
    """Stop a stack with a damaged record."""

    def is_damaged() -> bool:
        return paths.record.exists() and _recorded(paths) is None

    if is_damaged() and (pid := holder(paths)) is not None and is_damaged():  # a new stack has a new record
        _stop_only(paths, pid)


def _stop_only(paths: StatePaths, pid: int) -> None:
    """Stop one stack as `down` does, but none that another command has started in its place."""
    lock = _end(paths, only=pid)
    if lock is not None:
        _clean(paths, lock)


def _clean(paths: StatePaths, lock: int) -> None:
    """Stop what a stack has left running, and release its lock."""
    from ogdc_local.sandbox.bubblewrap_task import end_stranded
    from ogdc_local.stack.postgres import stop_orphans

    try:
        stop_orphans(paths.root)
        end_stranded(paths.tasks)
    finally:
        os.close(lock)


def _start(paths: StatePaths, *, lock: int, environ: Mapping[str, str]) -> Stack:
    """Start the stack's process, which inherits the lock; wait until it is ready or reports an error."""
    from select import select

    paths.record.unlink(missing_ok=True)
    reader, writer = os.pipe()
    try:
        _spawn(paths, environ=environ, inherited=(lock, writer))
    finally:
        os.close(lock)
        os.close(writer)
    with os.fdopen(reader) as pipe:
        if not select([pipe], [], [], _START_SECONDS)[0]:
            raise StackError(f"The local stack takes long to start; {paths.stack_log} says how far it is.")
        text = pipe.read()
    answer: dict[str, Any] = (
        json.loads(text) if text else {"error": f"it ended without a word, see {paths.stack_log}"}
    )
    failure = answer["error"]
    if failure is None and (stack := current(paths)) is not None:
        return stack
    _await_end(paths)
    if damaged := answer.get("damaged"):
        raise DamagedStateError(Path(damaged["path"]), reason=damaged["reason"], lost=damaged["lost"])
    raise StackError(f"The local stack does not start: {failure or 'it was stopped at once'}")


def _spawn(paths: StatePaths, *, environ: Mapping[str, str], inherited: tuple[int, int]) -> None:
    """Run the stack's program, which detaches itself and returns."""
    import subprocess

    log = open_log(paths.stack_log)
    try:
        subprocess.run(
            [sys.executable, "-P", "-m", PROGRAM, *map(str, inherited)],
            env=_environment(paths, environ),
            cwd=paths.root,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            pass_fds=inherited,
            check=False,
        )
    finally:
        os.close(log)


def _environment(paths: StatePaths, environ: Mapping[str, str]) -> dict[str, str]:
    """Return the user's environment without what the stack must not get.

    Variables of libpq would lead it to another database, and it does not need the user's tokens.
    """
    kept = {
        name: value for name, value in environ.items() if not name.startswith("PG") and name not in _TOKENS
    }
    return kept | {"OGDC_STATE_DIR": str(paths.root)}


def _await_end(paths: StatePaths) -> None:
    """Wait for a stack that is stopping by itself."""
    deadline = time.monotonic() + _STOP_SECONDS
    while is_locked(paths) and time.monotonic() < deadline:
        time.sleep(_POLL_SECONDS)


def _end(paths: StatePaths, *, only: int | None = None) -> int | None:
    """End the stack's process, by SIGKILL if necessary; returns the lock, now held by this process.

    With `only`, no other process is ended; returns None if another one holds the lock.
    """
    deadline = time.monotonic() + _STOP_SECONDS
    interrupted: int | None = None
    while (lock := take_lock(paths)) is None:
        pid = holder(paths)
        if only is not None and pid != only:
            return None
        if pid is not None and pid != interrupted:
            _signal(pid, signal.SIGTERM)
            interrupted = pid
        if time.monotonic() > deadline:
            if interrupted is None or pid is None:
                raise StackError(
                    f"The local stack cannot be stopped: nothing says which process it is ({paths.lock})."
                )
            _signal(pid, signal.SIGKILL)
            deadline = time.monotonic() + _STOP_SECONDS
        time.sleep(_POLL_SECONDS)
    # The lock is released a moment before the process ends.
    while interrupted is not None and is_alive(interrupted) and time.monotonic() < deadline:
        time.sleep(_POLL_SECONDS / 10)
    return lock


class _Difference(NamedTuple):
    """How a stack differs from the requested one."""

    what: str
    matters: bool = True
    """False if a busy stack may be used nevertheless."""


def _difference(stack: Stack, environ: Mapping[str, str]) -> _Difference | None:
    """Return how a stack differs from the one that `environ` requests; None if it does not."""
    from ogdc_local.sandbox import programs
    from ogdc_local.stack.environment import OF_FETCHING, passed_on
    from ogdc_local.stack.installation import installation
    from ogdc_shared.images import own_version

    wanted = own_version()
    if stack.version != wanted:
        return _Difference(f"runs version {stack.version}, not {wanted}")
    if stack.installation != installation():
        return _Difference("runs other files of ogdc-runner, or what they were before", matters=False)
    for name, value in passed_on(environ).items():
        if (had := stack.settings.get(name)) != value:
            what = f"runs with {name}={had or '(its default)'}, not {value}"
            return _Difference(what, matters=name not in {"PATH", *programs.VARIABLES, *OF_FETCHING})
    return None


def _keep(stack: Stack, difference: _Difference) -> bool:
    """Whether to keep using a different stack because it is busy.

    Raises:
        StackError: it is busy, and the difference matters.
    """
    if not _is_busy(stack):
        return False
    if difference.matters:
        raise StackError(
            f"The local stack {difference.what}, and has workflows running. Wait for them "
            "(ogdc-runner list), or stop it (ogdc-runner down): they continue when it is up again."
        )
    print(
        f"The local stack {difference.what}, but is busy and was not restarted.", file=sys.stderr, flush=True
    )
    return True


def _is_busy(stack: Stack) -> bool:
    import http.client
    from urllib.parse import urlsplit

    connection = http.client.HTTPConnection(urlsplit(stack.url).netloc, timeout=10)
    try:
        connection.request("GET", STATE_PATH)
        return bool(json.loads(connection.getresponse().read())["busy"])
    except (OSError, http.client.HTTPException, ValueError, KeyError):
        return False  # it is stopping, or does not respond
    finally:
        connection.close()


def _set_idle_timeout(paths: StatePaths, idle_timeout: float | None) -> None:
    write_private(paths.idle_timeout, "never" if idle_timeout is None else str(idle_timeout))


def _prolong(paths: StatePaths, idle_timeout: float | None) -> None:
    """Set the idle timeout of a running stack, from now."""
    with contextlib.suppress(OSError, ValueError):
        if idle_timeout is not None and read_state(paths.idle_timeout) == "never":
            return
    _set_idle_timeout(paths, idle_timeout)


def _signal(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)
