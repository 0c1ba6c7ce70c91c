"""Settings of OpenID Connect: trusted issuers, their audiences, and the claims that identify users.

The issuer for people's logins has its own variables, of which a deployment usually needs the first three.
Other issuers, such as GitHub Actions and Kubernetes service accounts, are configured in lists.
"""

from pathlib import Path
from typing import Annotated, Literal, NamedTuple

from msgspec import Meta, MsgspecError, Struct, ValidationError, convert
from msgspec.json import decode

from ogdc_shared.errors import ConfigurationError
from ogdc_shared.variables import TEXT, Kind, Variable, json_list, pattern
from ogdc_shared.well_known import OPENID_CONFIGURATION

SOURCE_ROLE = "source"
"""The role of senders of events; it is not a user's role."""
_NAMES = ("orcid", "preferred_username", "sub")


class Grant(Struct, frozen=True, forbid_unknown_fields=True):
    """The role of tokens with certain claims."""

    role: Literal["viewer", "submitter", "admin", "source"]
    claims: Annotated[dict[str, str | tuple[str, ...]], Meta(min_length=1)]
    """Claim, or path of claims separated by dots → the required value, or several accepted values. If the
    claim is a list, it must contain one of them. A value that ends in `*` matches a prefix. All claims must
    match."""


class TrustedIssuer(Struct, frozen=True, forbid_unknown_fields=True):
    """An issuer of accepted tokens."""

    issuer: str
    """As in `iss` of its tokens."""
    audience: tuple[str, ...]
    """Accepted audiences: `aud` of a token must contain one, or `azp` be one if there is no `aud`."""
    grants: tuple[Grant, ...] = ()
    others: bool = False
    """Whether to accept tokens that match no grant; their users get no role from them."""
    name_claims: tuple[str, ...] = _NAMES
    """The display name of users is the first of these claims that is present."""
    untyped: bool = False
    """Whether its access tokens lack the type header that says so."""
    keys_url: str | None = None
    """URL of its keys; None means the URL in its discovery document."""
    ca_file: str | None = None
    """CA certificates for its server; None means the system's."""
    token_file: str | None = None
    """File with a bearer token that its server requires to show its keys, or None."""


class ConfidentialClient(Struct, frozen=True):
    """A client with a secret, in the format of DataONE's deployments."""

    client_id: str
    client_secret: str
    server_metadata_url: str
    redirect_uris: tuple[str, ...] = ()

    @property
    def issuer(self) -> str:
        """The issuer whose metadata are at that URL."""
        return self.server_metadata_url.removesuffix(OPENID_CONFIGURATION)

    def __repr__(self) -> str:
        """Omit the secret, since settings may be printed."""
        return f"ConfidentialClient({self.client_id!r})"


def _url(value: str) -> bool:
    return value.startswith(("https://", "http://"))


def _issuer(entry: object) -> TrustedIssuer:
    try:
        issuer = convert(entry, TrustedIssuer)
    except ValidationError as exc:
        raise ValueError(f"{exc}; docs/issuers.md shows an entry for each kind of issuer.") from exc
    if not _url(issuer.issuer) or not _url(issuer.keys_url or "https://"):
        raise ValueError(f"{issuer.issuer!r}: issuer and keys_url must be https or http URLs.")
    if not issuer.audience:
        raise ValueError(
            f"{issuer.issuer}: give `audience`. Without it, tokens for other services would be accepted."
        )
    return issuer


def _word(entry: object) -> str:
    if not isinstance(entry, str) or not entry:
        raise ValueError(f'{entry!r} is not a string; give a JSON list such as ["ogdc"].')
    return entry


_ISSUER_URL: Kind = pattern(
    "a URL", _url, refusal="is not a URL; give the issuer's, as its tokens say in `iss`."
)
_WORDS = json_list("a JSON list of texts", _word)


class OidcSettings(NamedTuple):
    """The trusted issuers."""

    issuer: Annotated[
        str | None,
        Variable(
            "OGDC_OIDC_ISSUER",
            _ISSUER_URL,
            "The issuer for logins, exactly as in `iss` of its tokens; not set: the one in "
            "OIDC_CLIENT_SECRETS_FILE, or none.",
        ),
    ] = None
    audience: Annotated[
        tuple[str, ...],
        Variable(
            "OGDC_OIDC_AUDIENCE",
            _WORDS,
            "Accepted audiences: `aud` of a token must contain one, or `azp` if there is no `aud`.",
        ),
    ] = ("ogdc",)
    client: Annotated[
        str | None,
        Variable(
            "OGDC_OIDC_CLIENT",
            TEXT,
            "The public client of `ogdc-runner login` and the web page; not set: users paste tokens.",
        ),
    ] = None
    role_claim: Annotated[
        str,
        Variable(
            "OGDC_OIDC_ROLE_CLAIM",
            TEXT,
            "The claim with the role, or a path to it such as `realm_access.roles`.",
        ),
    ] = "scope"
    view: Annotated[str, Variable("OGDC_SCOPE_VIEW", TEXT, "The value of that claim for viewers.")] = (
        "ogdc:view"
    )
    submit: Annotated[str, Variable("OGDC_SCOPE_SUBMIT", TEXT, "The value of that claim for submitters.")] = (
        "ogdc:submit"
    )
    admin: Annotated[str, Variable("OGDC_SCOPE_ADMIN", TEXT, "The value of that claim for admins.")] = (
        "ogdc:admin"
    )
    name_claims: Annotated[
        tuple[str, ...],
        Variable(
            "OGDC_OIDC_NAME_CLAIMS", _WORDS, "Users are shown by the first of these claims that is present."
        ),
    ] = _NAMES
    others: Annotated[
        tuple[TrustedIssuer, ...],
        Variable(
            "OGDC_OIDC_ISSUERS",
            json_list("a JSON list of issuers", _issuer),
            "Further trusted issuers, such as GitHub; see [issuers](issuers.md).",
        ),
    ] = ()
    scopes: Annotated[
        tuple[str, ...],
        Variable(
            "OGDC_OIDC_SCOPES",
            _WORDS,
            "Scopes requested at a login; not set: openid, profile, email and, if the role claim is "
            "`scope`, OGDC_SCOPE_ADMIN. Keycloak rejects logins with scopes it does not know.",
            readers="users",
        ),
    ] = ()
    sources: Annotated[
        tuple[TrustedIssuer, ...],
        Variable(
            "OGDC_EVENT_ISSUERS",
            json_list("a JSON list of issuers", _issuer),
            "Issuers of the tokens that senders of events, and callers of the sweep, must have; not "
            "set: no token is required. See [issuers](issuers.md#senders-of-events).",
            readers="argo_events, upload, submit, dead_letters",
        ),
    ] = ()
    client_file: Annotated[
        str | None,
        Variable(
            "OIDC_CLIENT_SECRETS_FILE",
            TEXT,
            "JSON file with `client_id`, `client_secret`, `server_metadata_url` and `redirect_uris` "
            "of a confidential client; enables /login, /authorize and /refresh.",
            readers="users",
        ),
    ] = None

    @property
    def has_sources(self) -> bool:
        """Whether senders of events must have tokens."""
        return bool(self.sources)

    @property
    def asked_scopes(self) -> tuple[str, ...]:
        """The scopes that a login requests."""
        role = (self.admin,) if self.role_claim == "scope" else ()
        return self.scopes or ("openid", "profile", "email", *role)

    def lets_in_by_grants_alone(self, issuer: str) -> bool:
        """Whether an issuer's tokens are accepted only if they match a grant, as those of CI jobs."""
        return any(each.issuer == issuer and not each.others for each in self.others)

    def trusted(self) -> tuple[TrustedIssuer, ...]:
        """Return all trusted issuers.

        Raises:
            ConfigurationError: an issuer occurs twice, or the client's file cannot be read.
        """
        found = (*self.of_users(), *self.sources)
        if len({each.issuer for each in found}) < len(found):
            raise ConfigurationError(
                "OGDC_OIDC_ISSUER, OGDC_OIDC_ISSUERS and OGDC_EVENT_ISSUERS contain an issuer twice. Give it "
                "one entry with all its grants."
            )
        return found

    def of_users(self) -> tuple[TrustedIssuer, ...]:
        """Return the issuers of users; the one for logins, if any, comes first.

        Raises:
            ConfigurationError: the client's file cannot be read.
        """
        client = self.confidential_client()
        issuer = self.issuer or (client.issuer if client else None)
        main = (self._main(issuer, client),) if issuer else ()
        return (*main, *self.others)

    def _main(self, issuer: str, client: ConfidentialClient | None) -> TrustedIssuer:
        clients = (self.client, client.client_id if client else None)
        claim = self.role_claim
        return TrustedIssuer(
            issuer=issuer,
            audience=(*self.audience, *filter(None, clients)),
            grants=(
                Grant(role="viewer", claims={claim: self.view}),
                Grant(role="submitter", claims={claim: self.submit}),
                Grant(role="admin", claims={claim: self.admin}),
            ),
            others=True,
            name_claims=self.name_claims,
        )

    def confidential_client(self) -> ConfidentialClient | None:
        """Return the client for /login, or None.

        Raises:
            ConfigurationError: the file cannot be read, or is not in the expected format.
        """
        if self.client_file is None:
            return None
        try:
            content = Path(self.client_file).read_bytes()
            return decode(content, type=ConfidentialClient)
        except (OSError, MsgspecError) as exc:
            raise ConfigurationError(
                f"OIDC_CLIENT_SECRETS_FILE={self.client_file}: {exc}. It must contain a JSON object with "
                "client_id, client_secret, server_metadata_url and redirect_uris."
            ) from exc
