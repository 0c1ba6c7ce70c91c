"""The terminal output during a run."""

from __future__ import annotations

import re
from pathlib import Path

from ogdc_shared.layout import WORKSPACES, partition_workspace
from support.stack import PROGRAM, Stack
from support.terminal import lines, on_terminal

UNTIL_GO = "until [ -e /output_dir/go ]; do sleep 0.1; done; rm /output_dir/go"
CHATTER = (
    r"printf '\033[2J\007first words\n'; for i in 1 2 3; do printf 'done %s0%%\r' $i; "
    f"if [ $i = 2 ]; then {UNTIL_GO}; fi; done; echo"
)


def elapsed_in(screen: str) -> list[str]:
    """The times that are shown, as m:ss."""
    return [found[1] for line in lines(screen) if (found := re.search(r"0:(0\d:\d\d)", line))]


def test_terminal_shows_step_elapsed_time_and_last_line(stack: Stack, recipe, tmp_path: Path) -> None:
    directory = recipe(
        "on screen",
        f"{CHATTER}; touch /output_dir/y",
        f"test -e /input_dir/y; {UNTIL_GO}; echo x > /output_dir/x",
    )
    environ = stack.environ | {"TERM": "xterm-256color"}
    gone = []

    def go_on_when_shown(screen: str) -> None:
        first = not gone and "command 1 of 2" in screen and "done 20%" in screen
        second = len(gone) == 1 and "command 2 of 2" in screen and len(set(elapsed_in(screen))) > 1
        if first or second:
            [run] = (stack.paths.volume / WORKSPACES).glob("on-screen-*")
            (stack.paths.volume / partition_workspace(run.name, 0) / "output_dir/go").touch()
            gone.append(screen)

    code, screen = on_terminal(
        [*PROGRAM, "run", str(directory)], environ=environ, cwd=tmp_path, on_output=go_on_when_shown
    )
    assert code == 0, screen
    seen = lines(screen)
    assert any(re.search(r"0:0\d:\d\d command 1 of 2: printf", line) for line in seen), screen
    assert any(re.search(r"0:0\d:\d\d command 2 of 2: test ", line) for line in seen), screen
    assert any(line.strip() == "done 20%" for line in seen)
    elapsed = elapsed_in(screen)
    assert elapsed == sorted(elapsed)
    assert len(set(elapsed)) > 1
    assert all(len(line) <= 80 for line in seen[:-2])
    assert re.fullmatch(r"on-screen-\w{10}: Succeeded\. Outputs:", seen[-2])
    assert re.fullmatch(r"  ogdc-output/on-screen-\w{10}/x", seen[-1])
    assert "\x1b[2J" not in screen, "a command must not clear the author's terminal"
    assert "\x07" not in screen


def test_a_run_of_another_command_can_be_watched_to_its_end(stack: Stack, recipe, tmp_path: Path) -> None:
    command = "until [ -e /output_dir/go ]; do sleep 0.1; done; false"
    name = stack.cli("submit", "--json", str(recipe("elsewhere", command))).json()["name"]
    environ = stack.environ | {"TERM": "xterm-256color"}

    def end_when_shown(seen: str) -> None:
        if shown in seen:
            (stack.paths.volume / partition_workspace(name, 0) / "output_dir/go").touch()

    shown = "command 1 of 1: until "
    code, screen = on_terminal(
        [*PROGRAM, "watch", name], environ=environ, cwd=tmp_path, on_output=end_when_shown
    )
    assert code == 1
    assert any(shown in line for line in lines(screen))
    assert lines(screen)[-1] == f"See what it wrote: ogdc-runner logs {name}"
