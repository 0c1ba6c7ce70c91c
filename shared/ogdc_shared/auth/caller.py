"""The caller's identity in each access mode."""

from __future__ import annotations

from typing import NamedTuple

from ogdc_shared.auth.permissions import Permission
from ogdc_shared.errors import ForbiddenError, InvalidRequestError, UnauthenticatedError

USER_HEADER = "OGDC-User"
ANONYMOUS = "anonymous"
_MAX_NAME = 128


class Caller(NamedTuple):
    """Who a request comes from."""

    name: str
    issuer: str
    """Who vouches for the name; `open`: nobody but the caller."""


def identify(access_mode: str, *, claimed: str | None, permission: Permission) -> Caller:
    """Return who calls, or refuse them.

    Args:
        access_mode: `open` and `read_only` believe the OGDC-User header; `authenticated` is not offered yet.
        claimed: The header's value; None where there is none.
        permission: What the request takes.

    Raises:
        UnauthenticatedError: the deployment wants callers to log in.
        ForbiddenError: the deployment is read-only and the request changes something.
        InvalidRequestError: the header holds no name.
    """
    if permission.role is None:
        return Caller(ANONYMOUS, "open")
    if access_mode == "authenticated":
        raise UnauthenticatedError(
            "This deployment wants callers to log in (ACCESS_MODE=authenticated), which is not offered yet; "
            "its operator can set ACCESS_MODE to open or read_only."
        )
    if access_mode == "read_only" and permission.writes:
        raise ForbiddenError(
            "This deployment is read-only (ACCESS_MODE=read_only): runs can be looked at, not changed."
        )
    return Caller(ANONYMOUS if claimed is None else _checked(claimed), "open")


def _checked(claimed: str) -> str:
    name = claimed.strip()
    if not name or len(name) > _MAX_NAME or not (name.isascii() and name.isprintable()):
        raise InvalidRequestError(
            f"The header {USER_HEADER} holds {name[:_MAX_NAME]!r}; "
            f"give a name of 1 to {_MAX_NAME} printable ASCII characters."
        )
    return name
