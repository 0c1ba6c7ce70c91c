"""A run that its author interrupts is cancelled, whenever that happens."""

from __future__ import annotations

import signal
from _thread import interrupt_main
from collections.abc import Callable

import pytest

from ogdc_cli.api import ApiClient, Submitted
from ogdc_cli.running import _cancelled_with_us
from ogdc_cli.settings import ClientSettings


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
    assert "ice-aaaaaaaaaa is cancelled" in capsys.readouterr().err


def test_where_nothing_could_be_submitted_there_is_nothing_to_cancel() -> None:
    def submit() -> Submitted:
        raise ConnectionError

    deployment = Deployment()
    with pytest.raises(ConnectionError), _cancelled_with_us(deployment, submit):
        pass
    assert deployment.cancelled == []


def test_who_interrupts_twice_has_the_run_cancelled_all_the_same(capsys: pytest.CaptureFixture[str]) -> None:
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
    assert "ice-aaaaaaaaaa is cancelled" in capsys.readouterr().err
