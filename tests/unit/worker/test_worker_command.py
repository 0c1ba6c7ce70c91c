"""Commands: their ends are reported right, and nothing of them stays behind."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from itertools import count
from pathlib import Path

import pytest

from ogdc_shared.errors import InvalidRecipeError
from ogdc_worker.process import command
from ogdc_worker.process.command import CommandResult, command_environment, run_command

ENVIRONMENT = {"PATH": os.environ["PATH"]}
STRICT = ("bash", "-e", "-u", "-o", "pipefail", "-c")


def run(text: str, *, timeout: float | None = None) -> CommandResult:
    return run_command(text, environment=ENVIRONMENT, timeout=timeout)


@pytest.fixture
def strictly(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> Callable[..., CommandResult]:
    """Runs a line as a strict plan does."""
    numbers = count()

    def run_strictly(text: str, *, timeout: float | None = None) -> CommandResult:
        notes = str(tmp_path / f"notes{next(numbers)}")
        return run_command(text, environment=ENVIRONMENT, timeout=timeout, shell=STRICT, notes=notes)

    return run_strictly


class SkippableTime:
    """Stands in for the module `time` of a command: real time plus what a test has skipped."""

    def __init__(self) -> None:
        self._skipped = 0.0

    def monotonic(self) -> float:
        return time.monotonic() + self._skipped

    def skip(self, _event: object = None) -> None:
        """Exceed every timeout; once, as what follows the first time has its time of grace."""
        self._skipped = 3600.0


@pytest.fixture
def skippable(monkeypatch: pytest.MonkeyPatch) -> SkippableTime:
    skippable = SkippableTime()
    monkeypatch.setattr(command, "time", skippable)
    return skippable


def gone(pid: int) -> bool:
    """Whether a process has ended; one that nobody has waited for yet has."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def wait_for(condition: object, *, seconds: float = 30) -> None:
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


def test_output_passes_through_in_its_order_and_its_end_is_kept(capfd: pytest.CaptureFixture[str]) -> None:
    outcome = run("for i in 1 2 3; do echo out $i; echo err $i >&2; done")
    expected = "".join(f"out {i}\nerr {i}\n" for i in (1, 2, 3))
    assert capfd.readouterr() == (expected, "")
    assert outcome == CommandResult(exit_code=0, output=expected.strip())


def test_much_output_passes_through_whole_and_is_kept_in_part(capfd: pytest.CaptureFixture[str]) -> None:
    outcome = run("seq 200000 >&2")
    passed = capfd.readouterr().out
    assert passed == "".join(f"{number}\n" for number in range(1, 200001))
    assert passed.strip().endswith(outcome.output)
    assert len(outcome.output) <= command.TAIL_BYTES


def test_binary_output_is_made_readable(capfd: pytest.CaptureFixture[str]) -> None:
    assert run(r"printf 'a\377b' >&2").output == "a\ufffdb"


@pytest.mark.parametrize("text", ["printf a", "printf a >&2", "printf 'a\\r'", "echo a"])
def test_the_log_ends_with_a_line_end_after_any_output(text: str, capfd: pytest.CaptureFixture[str]) -> None:
    run(text)
    assert capfd.readouterr().out.endswith("\n")


def test_a_command_without_output_has_an_empty_summary(capfd: pytest.CaptureFixture[str]) -> None:
    run("true")
    assert capfd.readouterr() == ("", "")


def test_stdin_is_empty() -> None:
    assert run("read line").exit_code == 1


def test_a_broken_pipe_ends_a_pipeline_quietly(capfd: pytest.CaptureFixture[str]) -> None:
    assert run("yes | head -n 1") == CommandResult(exit_code=0, output="y")


def test_a_command_is_stopped_at_its_timeout(
    capfd: pytest.CaptureFixture[str], skippable: SkippableTime
) -> None:
    text = "trap 'echo bye >&2; exit 5' TERM; echo up; sleep 600 & wait"
    outcome = run_command(text, environment=ENVIRONMENT, timeout=600, on_output=skippable.skip)
    assert outcome == CommandResult(exit_code=5, output="up\nbye", timed_out=True)


def test_a_command_that_ignores_sigterm_is_killed(
    monkeypatch: pytest.MonkeyPatch, skippable: SkippableTime
) -> None:
    monkeypatch.setattr(command, "GRACE_SECONDS", 0.2)
    text = "trap '' TERM; echo up; while :; do sleep 1; done"
    outcome = run_command(text, environment=ENVIRONMENT, timeout=600, on_output=skippable.skip)
    assert outcome.exit_code == 137
    assert outcome.timed_out


@pytest.mark.slow
def test_endless_stderr_does_not_outlast_the_timeout(capfd: pytest.CaptureFixture[str]) -> None:
    assert run("while :; do echo more >&2; done", timeout=0.3).timed_out


def test_background_processes_of_a_command_are_waited_for(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "LOOK_SECONDS", 0.1)
    seen = tmp_path / "seen"
    waits: list[str] = []

    def note(names: str) -> None:
        waits.append(names)
        seen.touch()

    outcome = run_command(
        "(until [ -e $SEEN ]; do sleep 0.01; done; echo late) & echo early",
        environment=ENVIRONMENT | {"SEEN": str(seen)},
        on_wait=note,
    )
    assert outcome == CommandResult(exit_code=0, output="early\nlate")
    assert len(waits) == 1
    assert capfd.readouterr().out == "early\nlate\n"


def test_without_background_processes_no_message_is_logged(capfd: pytest.CaptureFixture[str]) -> None:
    waits: list[str] = []
    run_command("sleep 0.1 & wait", environment=ENVIRONMENT, on_wait=waits.append)
    assert waits == []


def test_what_a_strict_line_leaves_in_the_background_is_told_while_it_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Bash itself waits there; a line that never ends would say nothing at all."""
    monkeypatch.setattr(command, "LOOK_SECONDS", 0.1)
    seen = tmp_path / "seen"
    waits: list[str] = []

    def tell(names: str) -> None:
        waits.append(names)
        seen.touch()

    outcome = run_command(
        "until [ -e $SEEN ]; do sleep 0.01; done & true & echo early",
        environment=ENVIRONMENT | {"SEEN": str(seen)},
        shell=STRICT,
        notes=str(tmp_path / "notes"),
        on_wait=tell,
    )
    assert outcome == CommandResult(exit_code=0, output="early")
    assert len(waits) == 1


FAILS_ONCE_SEEN = "until [ -e $SEEN ]; do sleep 0.01; done; exit 3"


@pytest.mark.parametrize("left", [f"({FAILS_ONCE_SEEN}) &", f"(sh -c '{FAILS_ONCE_SEEN}' &)"])
def test_a_failing_background_process_fails_the_command(
    left: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "LOOK_SECONDS", 0.1)
    seen = tmp_path / "seen"
    environment = ENVIRONMENT | {"SEEN": str(seen)}
    outcome = run_command(left, environment=environment, on_wait=lambda _: seen.touch())
    assert outcome.exit_code == 3
    assert FAILS_ONCE_SEEN in outcome.culprit


def test_a_command_that_failed_takes_along_what_it_left_running(tmp_path: Path) -> None:
    assert run(f"sleep 60 & echo $! > {tmp_path}/pid; exit 4").exit_code == 4
    wait_for(lambda: gone(int((tmp_path / "pid").read_text())))


def test_a_daemon_is_found_ended_and_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that has left its session and its parents, as daemons do, and closed all it had open."""
    monkeypatch.setattr(command, "GRACE_SECONDS", 0.3)
    monkeypatch.setattr(command, "LOOK_SECONDS", 0.1)
    daemon = f"echo $$ > {tmp_path}/pid; exec sleep 61 <&- >&- 2>&-"
    outcome = run(f"(setsid sh -c '{daemon}' &) ; while ! [ -s {tmp_path}/pid ]; do sleep 0.01; done")
    assert outcome.exit_code == 0
    assert outcome.left == ("sleep 61",)
    assert gone(int((tmp_path / "pid").read_text()))


def test_a_daemon_that_takes_its_time_to_leave_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "GRACE_SECONDS", 0.2)
    monkeypatch.setattr(command, "LOOK_SECONDS", 0.1)
    assert run("(sh -c 'sleep 0.3; exec setsid sleep 64' &)").left == ("sleep 64",)


def test_a_daemon_that_ends_soon_is_waited_for(tmp_path: Path) -> None:
    outcome = run(f"(setsid sh -c 'sleep 0.3; echo done > {tmp_path}/result' &)")
    assert (outcome.exit_code, outcome.left) == (0, ())
    assert (tmp_path / "result").read_text() == "done\n"


def test_a_command_out_of_time_names_what_it_waited_for(
    monkeypatch: pytest.MonkeyPatch, skippable: SkippableTime
) -> None:
    monkeypatch.setattr(command, "LOOK_SECONDS", 0.3)
    outcome = run_command("sleep 62 &", environment=ENVIRONMENT, timeout=600, on_wait=skippable.skip)
    assert outcome.timed_out
    assert outcome.left == ("sleep 62",)


def test_processes_that_were_there_before_are_left_alone() -> None:
    bystander = subprocess.Popen(["sleep", "63"])
    try:
        run("sleep 60 & exit 1")
        assert bystander.poll() is None
    finally:
        bystander.kill()
        bystander.wait()


@pytest.mark.parametrize(
    ("text", "exit_code", "culprit"),
    [
        ("for f in a b c; do test $f != b; done", 1, "test $f != b · f=b"),
        ("sh -c 'exit 3' | cat; echo on", 3, "program 1 of 2 in a pipe"),
        ("for f in a b; do test $f = a | cat; done", 1, "program 1 of 2 in a pipe · f=b"),
        ("false; true", 1, "false"),
        ("echo $(false); true", 1, "false"),
        ('x=5; echo "$(sh -c "exit $x")"', 5, 'sh -c "exit $x" · x=5'),
        ("cat <(false)", 1, "false"),
        ("while read -r x; do :; done < <(echo a; false)", 1, "false"),
        ("f() { local x=$(false); true; }; f", 1, "false"),
        ("export X=$(false)", 1, "false"),
        ("for x in $(false); do :; done", 1, "false"),
        ("(false); true", 1, "false"),
        ("for f in a b; do test $f = a & done; wait", 1, "test $f = a · f=b"),
        ('for f in a b; do sh -c "[ $f = a ]" & done; sleep 0.1', 1, 'sh -c "[ $f = a ]" · f=b'),
        ("false & wait $!", 1, "false"),
        ("{ sleep 0.1; false; } &", 1, "false"),
        ("trap true EXIT; false & true", 1, "false"),
        ("f() { trap 'true # end' EXIT TERM; }; f; sh -c 'exit 4' & true", 4, "sh -c 'exit 4'"),
        ("f() { return 4; }; f; true", 4, "return 4"),
        ("nosuchprogram | cat", 127, "program 1 of 2 in a pipe"),
    ],
)
def test_a_strict_line_fails_with_any_of_its_programs_and_names_it(
    strictly: Callable[..., CommandResult], text: str, exit_code: int, culprit: str
) -> None:
    outcome = strictly(text)
    assert (outcome.exit_code, outcome.culprit) == (exit_code, culprit)


@pytest.mark.parametrize(
    "text",
    [
        "if false; then :; fi; ! false; false || true",
        '[ -z "$(ls /nonexistent 2>&1 >/dev/null)" ] || true',
        'if [ -n "$(ls /nonexistent 2>/dev/null)" ]; then exit 9; fi',
        "x=$(false) || x=3; test $x = 3",
        "until true; do :; done; while false; do :; done",
        "set +e; false; true",
        "yes | head -n 1",
        "x=$(yes | head -n 1); test $x = y; (yes | head -n 1); true",
        "head -n 1 <(yes)",
        "false & wait $! || true",
        "sleep 60 & kill $!",
        "sleep 60 & kill $!; wait",
        "trap 'kill $!' EXIT; sleep 20 & true",
        "end() { kill $!; }; trap end EXIT; sleep 20 & true",
        "trap true INT; trap - EXIT; true & true",
        "bash -c 'false; true; echo ${UNSET}'",
        'test -z "${BASH_ENV-}${OGDC_FAILURE-}"',
        "true 2>&1 && true &> /dev/null",
    ],
)
def test_a_strict_line_goes_on_where_failing_is_meant(
    strictly: Callable[..., CommandResult], text: str
) -> None:
    outcome = strictly(text)
    assert (outcome.exit_code, outcome.culprit) == (0, "")


@pytest.mark.parametrize("put", ["mkfifo", "mkdir", "ln -s /dev/zero"])
def test_a_pipe_in_place_of_the_notes_is_not_waited_for(
    strictly: Callable[..., CommandResult], tmp_path: Path, put: str
) -> None:
    outcome = strictly(f"{put} {tmp_path}/notes0")
    assert outcome.culprit == ""


def test_who_reads_from_a_program_fails_by_itself(strictly: Callable[..., CommandResult]) -> None:
    assert strictly("yes | sh -c 'exit 3'").exit_code == 3
    assert strictly("sh -c 'kill -PIPE $$'").exit_code == 141
    assert strictly("sh -c 'exit 3' | yes | head -n 1").exit_code == 3


def test_a_variable_without_a_value_ends_a_strict_line(strictly: Callable[..., CommandResult]) -> None:
    outcome = strictly("echo $UNSET; echo on")
    assert outcome.exit_code != 0
    assert "UNSET: unbound variable" in outcome.output
    assert "on" not in outcome.output.splitlines()


def test_values_of_environment_variables_are_not_logged(
    strictly: Callable[..., CommandResult], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(ENVIRONMENT, "TOKEN", "secret")
    assert strictly("test $TOKEN = other").culprit == "test $TOKEN = other"


def test_a_shell_that_is_not_there_is_named() -> None:
    with pytest.raises(InvalidRecipeError, match="nosuchsh, does not exist or is not executable"):
        run_command("true", environment=ENVIRONMENT, shell=("nosuchsh", "-c"))


def test_a_shell_that_may_not_be_executed_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "closedsh").touch(mode=0o644)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InvalidRecipeError, match="closedsh, does not exist or is not executable"):
        run_command("true", environment=ENVIRONMENT, shell=("closedsh", "-c"))


def test_a_signal_ends_the_whole_group(tmp_path: Path) -> None:
    """An exception out of a signal handler passes through run_command and takes all processes along."""

    class StoppedError(Exception):
        pass

    def stop(_number: int, _frame: object) -> None:
        raise StoppedError

    previous = signal.signal(signal.SIGUSR1, stop)
    main = threading.main_thread().ident
    assert main is not None
    pids = tmp_path / "pids"

    def signal_soon() -> None:
        wait_for(lambda: pids.exists() and len(pids.read_text().split()) == 2)
        signal.pthread_kill(main, signal.SIGUSR1)

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


def test_a_signal_that_comes_before_a_command_is_waited_for_ends_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class StoppedError(Exception):
        pass

    pids = tmp_path / "pids"

    def stop(*_: object) -> None:
        wait_for(lambda: pids.exists() and len(pids.read_text().split()) == 2)
        raise StoppedError

    monkeypatch.setattr(command, "_Child", stop)
    with pytest.raises(StoppedError):
        run(f"setsid sleep 60 & echo $! $$ > {pids}; wait")
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
    assert "checkpoint" not in capfd.readouterr().out


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
