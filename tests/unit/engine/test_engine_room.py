"""A pod is begun only where it will be able to say why it fails."""

from __future__ import annotations

from pathlib import Path

import pytest

from ogdc_local.engine.room import with_room
from support.small_disk import output_with_small_disk

FULL_DISK = """
set -e
mount -t tmpfs -o size=200k none "$1"
: > "$1/message"
dd if=/dev/zero of="$1/all" bs=4k 2>/dev/null || true
"$2" -c '
import sys
from pathlib import Path
from ogdc_local.engine.room import with_room
message = Path(sys.argv[1], "message")
try:
    with_room(message, 4096)
except OSError as exc:
    print(exc.strerror)
Path(sys.argv[1], "all").unlink()
with_room(message, 4096)
Path(sys.argv[1], "all").touch()
' "$1"
dd if=/dev/zero of="$1/all" bs=4k 2>/dev/null || true
echo why > "$1/message"
cat "$1/message"
"""


@pytest.mark.slow
def test_a_pod_starts_only_with_reserved_space_for_its_last_words(tmp_path: Path) -> None:
    assert output_with_small_disk(FULL_DISK, tmp_path) == ["No space left on device", "why"]


def test_reserved_space_does_not_appear_in_a_message(tmp_path: Path) -> None:
    message = tmp_path / "message"
    message.touch()
    assert with_room(message, 4096).read_bytes() == b""
