"""Flags for `os.open` where a recipe's commands, or another user, may have put a link, a pipe or a device."""

from __future__ import annotations

import os

READ_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
"""Follows no link and does not wait for the writer of a pipe; the caller checks that it is a regular file."""
READ_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
CREATE_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
"""Fails if anything has the name."""
