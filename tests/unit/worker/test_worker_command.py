"""Commands: their ends are told right, and nothing of them stays behind."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path

import pytest

from ogdc_shared.errors import InvalidRecipeError
from ogdc_shared.worker import command
from ogdc_shared.worker.command import Outcome, command_environment, run_command

ENVIRONMENT = {"PATH": os.environ["PATH"]}


def run(text: str, *, timeout: float | None = None) -> Outcome:
    return run_command(text, environment=ENVIRONMENT, timeout=timeout)


def gone(pid: int) -> bool:
    """Whether a process has ended; one that nobody has waited for yet has."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def wait_for(condition: object, *, seconds: float = 5) -> None:
    assert callable(condition)
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.parametrize(
    ("text", "exit_code"),
    [
        ("true", 0),
        ("exit 3", 3),
        ("kill -9 $$", 137),
        ("sh -c 'kill -TERM $$'", 143),
        ("no-such-command", 127),
    ],
)
def test_exit_codes_are_those_of_a_shell(text: str, exit_code: int) -> None:
    assert run(text).exit_code == exit_code


def test_output_passes_through_and_the_end_of_stderr_is_kept(capfd: pytest.CaptureFixture[str]) -> None:
    outcome = run("echo out; echo one >&2; echo two >&2")
    assert capfd.readouterr() == ("out\n", "one\ntwo\n")
    assert outcome == Outcome(exit_code=0, stderr="one\ntwo")


def test_much_stderr_passes_through_whole_and_is_kept_in_part(capfd: pytest.CaptureFixture[str]) -> None:
    outcome = run("seq 200000 >&2")
    passed = capfd.readouterr().err
    assert passed == "".join(f"{number}\n" for number in range(1, 200001))
    assert passed.strip().endswith(outcome.stderr)
    assert len(outcome.stderr) <= command.TAIL_BYTES


def test_stderr_that_is_no_text_is_kept_readable(capfd: pytest.CaptureFixture[str]) -> None:
    assert run(r"printf 'a\377b' >&2").stderr == "a\ufffdb"


def test_stdin_is_empty() -> None:
    assert run("read line").exit_code == 1


def test_a_broken_pipe_ends_a_pipeline_quietly(capfd: pytest.CaptureFixture[str]) -> None:
    assert run("yes | head -n 1") == Outcome(exit_code=0, stderr="")


def test_a_command_out_of_time_is_stopped(capfd: pytest.CaptureFixture[str]) -> None:
    started = time.monotonic()
    outcome = run("trap 'echo bye >&2; exit 5' TERM; sleep 20 & wait", timeout=0.3)
    assert outcome == Outcome(exit_code=5, stderr="bye", timed_out=True)
    assert time.monotonic() - started < 5


def test_a_command_that_will_not_end_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "GRACE_SECONDS", 0.2)
    outcome = run("trap '' TERM; while :; do sleep 1; done", timeout=0.2)
    assert outcome.exit_code == 137
    assert outcome.timed_out


def test_endless_stderr_does_not_outlast_the_timeout(capfd: pytest.CaptureFixture[str]) -> None:
    assert run("while :; do echo more >&2; done", timeout=0.3).timed_out


def test_what_a_command_leaves_running_ends_with_it(tmp_path: Path) -> None:
    outcome = run(f"sleep 60 & echo $! > {tmp_path}/pid; echo kept >&2")
    assert outcome == Outcome(exit_code=0, stderr="kept")
    wait_for(lambda: gone(int((tmp_path / "pid").read_text())))


def test_a_signal_ends_the_whole_group(tmp_path: Path) -> None:
    """An exception out of a signal handler passes through run_command and takes all processes along."""

    class StoppedError(Exception):
        pass

    def stop(_number: int, _frame: object) -> None:
        raise StoppedError

    previous = signal.signal(signal.SIGUSR1, stop)
    pids = tmp_path / "pids"

    def signal_soon() -> None:
        wait_for(lambda: pids.exists() and len(pids.read_text().split()) == 2)
        os.kill(os.getpid(), signal.SIGUSR1)

    thread = threading.Thread(target=signal_soon)
    thread.start()
    try:
        with pytest.raises(StoppedError):
            run(f"(sleep 60 & echo $! $$ > {pids}; wait)")
    finally:
        signal.signal(signal.SIGUSR1, previous)
        thread.join()
    for pid in pids.read_text().split():
        wait_for(lambda pid=pid: gone(int(pid)))


def test_no_descriptor_stays_open(capfd: pytest.CaptureFixture[str]) -> None:
    before = os.listdir("/proc/self/fd")
    for text in ("true", "echo x >&2", "exit 1"):
        run(text)
    assert os.listdir("/proc/self/fd") == before


def test_commands_inherit_no_descriptor_of_the_worker(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with (tmp_path / "checkpoint").open("w"):
        assert run("test $(ls /proc/self/fd | wc -l) -le 4; ls -l /proc/self/fd >&2").exit_code == 0
    assert "checkpoint" not in capfd.readouterr().err


def test_a_line_too_long_for_the_kernel_is_refused() -> None:
    with pytest.raises(InvalidRecipeError, match="too long for the system"):
        run(f": {'x' * 3_000_000}")


def test_commands_see_the_environment_without_internals() -> None:
    environ = {
        "PATH": "/bin",
        "GDAL_DATA": "/x",
        "ARGO_TEMPLATE": "{}",
        "OGDC_SECRET": "s",
        "MY_ARGO_": "kept",
    }
    assert command_environment(environ, INPUT_DIR="/input_dir") == {
        "PATH": "/bin",
        "GDAL_DATA": "/x",
        "MY_ARGO_": "kept",
        "INPUT_DIR": "/input_dir",
    }


def test_commands_get_the_variables_that_are_handed_to_them_alone() -> None:
    environ = {"OGDC_COMMAND_GDAL_DATA": "/opt/gdal/share", "OGDC_PHASE": "commands", "GDAL_DATA": "/image"}
    assert command_environment(environ) == {"GDAL_DATA": "/opt/gdal/share"}
