import pytest

from ogdc_shared.accounts.identify import Credentials, identify
from ogdc_shared.auth.caller import Caller
from ogdc_shared.auth.permissions import (
    ADMINISTER,
    CHANGE,
    CREATE,
    INSPECT,
    PUBLIC,
    READ,
    READ_TOKENS,
    SELF,
    Permission,
    Role,
    lesser,
)
from ogdc_shared.config import AccessSettings, Settings
from ogdc_shared.context import Context
from ogdc_shared.errors import ForbiddenError, InvalidRequestError, UnauthenticatedError


def caller(
    mode: str,
    permission: Permission,
    *,
    claimed: str | None = None,
    authorization: str | None = None,
    public_read: bool = False,
) -> Caller:
    context = Context(Settings(access_mode=mode, access=AccessSettings(public_read=public_read)))
    return identify(context, Credentials(authorization, claimed), permission)


@pytest.mark.parametrize("mode", ["open", "read_only"])
def test_the_given_name_is_used_and_marked_as_unauthenticated(mode: str):
    found = caller(mode, READ, claimed=" anna@example.org ")

    assert (found.name, found.issuer, found.user_id) == ("anna@example.org", "open", None)


def test_a_caller_without_a_name_is_anonymous():
    assert caller("open", CREATE).name == "anonymous"


@pytest.mark.parametrize("claimed", ["", "  ", "a\nb", "a\0b", "x" * 129, "ü"])
def test_an_invalid_name_is_rejected(claimed: str):
    with pytest.raises(InvalidRequestError, match="OGDC-User"):
        caller("open", READ, claimed=claimed)


def test_an_open_deployment_ignores_tokens():
    """Who sends one has it of another deployment, or of this one's time before it was opened."""
    found = caller("open", CHANGE, claimed="anna", authorization="Bearer ogdc_x")

    assert (found.name, found.role) == ("anna", Role.ADMIN)


def test_a_read_only_deployment_refuses_changes():
    with pytest.raises(ForbiddenError, match="read-only"):
        caller("read_only", CREATE, claimed="anna")


@pytest.mark.parametrize("mode", ["open", "read_only"])
@pytest.mark.parametrize("permission", [INSPECT, ADMINISTER, READ_TOKENS])
def test_without_authentication_there_are_no_users_and_no_tokens(mode: str, permission: Permission):
    """Else anybody could make themselves a token there that is good once callers have to log in."""
    with pytest.raises(ForbiddenError, match="no users"):
        caller(mode, permission, claimed="anna")


@pytest.mark.parametrize("permission", [READ, CREATE, CHANGE, SELF, INSPECT])
def test_an_authenticated_deployment_ignores_given_names(permission: Permission):
    with pytest.raises(UnauthenticatedError, match="You are not logged in") as refused:
        caller("authenticated", permission, claimed="anna")

    assert refused.value.error is None


def test_only_reading_can_be_opened_to_everybody():
    assert caller("authenticated", READ, public_read=True).role == Role.VIEWER
    for permission in (SELF, CREATE, CHANGE, READ_TOKENS, INSPECT):
        with pytest.raises(UnauthenticatedError):
            caller("authenticated", permission, public_read=True)


@pytest.mark.parametrize("authorization", ["", "Bearer", "Bearer  ", "Basic YTpi", "ogdc_abc"])
def test_an_invalid_bearer_token_is_rejected_even_if_reading_is_open(authorization: str):
    with pytest.raises(UnauthenticatedError) as refused:
        caller("authenticated", READ, authorization=authorization, public_read=True)

    assert refused.value.error == "invalid_request"


@pytest.mark.parametrize("mode", ["open", "read_only", "authenticated"])
def test_public_routes_need_no_authentication(mode: str):
    assert caller(mode, PUBLIC, claimed="\0", authorization="nonsense").name == "anonymous"


def test_each_role_may_do_what_those_before_it_may():
    order = [Role.VIEWER, Role.SUBMITTER, Role.ADMIN]
    for number, one in enumerate(order):
        for other_number, other in enumerate(order):
            assert one.covers(other) == (number >= other_number)
            assert lesser(one, other) == order[min(number, other_number)]
