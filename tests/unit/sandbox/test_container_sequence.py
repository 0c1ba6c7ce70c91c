from __future__ import annotations

import os
import time
from pathlib import Path

from ogdc_local.sandbox import Container, ContainerSequence
from ogdc_local.sandbox.plain import Plain


def test_polling_an_ended_task_again_closes_no_descriptor_of_others(tmp_path: Path) -> None:
    """Files that are opened after the task's end get the numbers of its descriptors."""
    container = Container(name="c", image="", argv=("false",), env={}, mounts=())
    with (tmp_path / "log").open("wb") as log, (tmp_path / "mark").open("wb") as mark:
        task = ContainerSequence(Plain(environ=os.environ), [container], log=log.fileno(), mark=mark.fileno())
    deadline = time.monotonic() + 60
    while (ended := task.poll()) is None:
        assert time.monotonic() < deadline
        time.sleep(0.005)
    others = [os.open(os.devnull, os.O_RDONLY) for _ in range(8)]
    assert ended.code == 1
    assert task.poll() == ended
    for descriptor in others:
        os.close(descriptor)
