"""Connections of the stack's server."""

from __future__ import annotations

import socket
from threading import Thread
from types import SimpleNamespace

import pytest
from waitress.adjustments import Adjustments

from ogdc_local.stack.connections import Channel


@pytest.mark.parametrize(
    ("unsent", "sending", "expected"),
    [(0, False, False), (5, False, True), (5, True, False), (50, True, True)],
)
def test_server_thread_leaves_a_connection_to_the_thread_that_sends(
    unsent: int, sending: bool, expected: bool
) -> None:
    """Unless that thread waits for it, beyond the watermark."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        adjustments = Adjustments(outbuf_high_watermark=20)
        channel = Channel(SimpleNamespace(active_channels={}), ours, ("127.0.0.1", 1), adjustments, {})
        channel.total_outbufs_len = unsent
        if sending:
            channel.outbuf_lock.acquire()
        found = []
        thread = Thread(target=lambda: found.append(channel.writable()))
        thread.start()
        thread.join()
        assert found == [expected]
        channel.will_close = True
        assert channel.writable()
