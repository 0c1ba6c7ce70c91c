"""A run that its author interrupts is cancelled, whenever that happens."""

from __future__ import annotations

import signal
from _thread import interrupt_main
from collections.abc import Callable
from pathlib import Path

import pytest

from ogdc_cli.api import ApiClient, Submitted
from ogdc_cli.running import _cancelled_with_us, zipped_directories
from ogdc_cli.settings import ClientSettings
from ogdc_shared.layout import WORKSPACES


class Deployment(ApiClient):
    """Remembers what it was asked to cancel."""

    def __init__(self) -> None:
        super().__init__(ClientSettings.from_env({"OGDC_API_URL": "http://x"}))
        self.cancelled: list[str] = []

    def cancel(self, name: str) -> dict[str, str]:
        self.cancelled.append(name)
        return {}


@pytest.mark.parametrize("interrupt", [signal.raise_signal, interrupt_main], ids=["here", "another thread"])
def test_a_run_interrupted_while_it_is_submitted_is_cancelled_once_its_name_is_known(
    interrupt: Callable[[int], None], capsys: pytest.CaptureFixture[str]
) -> None:
    def submit() -> Submitted:
        interrupt(signal.SIGINT)
        return Submitted(name="ice-aaaaaaaaaa", message="")

    deployment = Deployment()
    with pytest.raises(KeyboardInterrupt), _cancelled_with_us(deployment, submit):
        pytest.fail("it is followed although somebody wants to end")
    assert deployment.cancelled == ["ice-aaaaaaaaaa"]
    assert "Cancelling ice-aaaaaaaaaa." in capsys.readouterr().err


def test_where_nothing_could_be_submitted_there_is_nothing_to_cancel() -> None:
    def submit() -> Submitted:
        raise ConnectionError

    deployment = Deployment()
    with pytest.raises(ConnectionError), _cancelled_with_us(deployment, submit):
        pass
    assert deployment.cancelled == []


def test_a_second_interruption_still_cancels_the_run(capsys: pytest.CaptureFixture[str]) -> None:
    class Interrupted(Deployment):
        def cancel(self, name: str) -> dict[str, str]:
            signal.raise_signal(signal.SIGINT)
            return super().cancel(name)

    deployment = Interrupted()
    with (
        pytest.raises(KeyboardInterrupt),
        _cancelled_with_us(deployment, lambda: Submitted(name="ice-aaaaaaaaaa", message="")),
    ):
        signal.raise_signal(signal.SIGINT)
    assert deployment.cancelled == ["ice-aaaaaaaaaa"]
    assert "Cancelling ice-aaaaaaaaaa." in capsys.readouterr().err


def test_a_zip_has_outputs_of_the_last_stage_and_results_of_earlier_ones(tmp_path: Path) -> None:
    left = {
        "map-aaaaaaaaaa/0/output_dir/block": "handed on",
        "map-aaaaaaaaaa.build/0/output_dir/result/tile.tif": "tile",
        "map-aaaaaaaaaa.build/0/output_dir/facts": "handed on",
        "map-aaaaaaaaaa.build/1/output_dir/facts": "handed on",
        "map-aaaaaaaaaa.top/0/output_dir/result/index.html": "page",
    }
    for name, content in left.items():
        path = tmp_path / WORKSPACES / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    stages = [("process", 1), ("build", 2), ("top", 1)]
    found = zipped_directories(tmp_path, "map-aaaaaaaaaa", stages)
    assert [path.relative_to(tmp_path / WORKSPACES).as_posix() for path in found] == [
        "map-aaaaaaaaaa.build/0/output_dir/result",
        "map-aaaaaaaaaa.top/0/output_dir",
    ]
    (tmp_path / WORKSPACES / "ice-aaaaaaaaaa/0/output_dir").mkdir(parents=True)
    assert len([*zipped_directories(tmp_path, "ice-aaaaaaaaaa", [("process", 1)])]) == 1
