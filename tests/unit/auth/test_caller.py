import pytest

from ogdc_shared.auth.caller import Caller, identify
from ogdc_shared.auth.permissions import CHANGE, CREATE, PUBLIC, READ, Permission
from ogdc_shared.errors import ForbiddenError, InvalidRequestError, UnauthenticatedError


@pytest.mark.parametrize("mode", ["open", "read_only"])
def test_the_name_a_caller_gives_is_believed_and_marked_so(mode: str):
    assert identify(mode, claimed=" anna@example.org ", permission=READ) == Caller("anna@example.org", "open")


def test_a_caller_without_a_name_is_anonymous():
    assert identify("open", claimed=None, permission=CREATE) == Caller("anonymous", "open")


@pytest.mark.parametrize("claimed", ["", "  ", "a\nb", "a\0b", "x" * 129, "ü"])
def test_what_is_no_name_is_refused(claimed: str):
    with pytest.raises(InvalidRequestError, match="OGDC-User"):
        identify("open", claimed=claimed, permission=READ)


def test_a_read_only_deployment_refuses_changes():
    with pytest.raises(ForbiddenError, match="read-only"):
        identify("read_only", claimed="anna", permission=CREATE)


@pytest.mark.parametrize("permission", [READ, CREATE, CHANGE])
def test_an_authenticated_deployment_believes_nobody_yet(permission: Permission):
    with pytest.raises(UnauthenticatedError, match="not offered yet"):
        identify("authenticated", claimed="anna", permission=permission)


@pytest.mark.parametrize("mode", ["open", "read_only", "authenticated"])
def test_what_is_public_is_for_everybody(mode: str):
    assert identify(mode, claimed="\0", permission=PUBLIC).name == "anonymous"
