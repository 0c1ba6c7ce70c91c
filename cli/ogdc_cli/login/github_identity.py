"""Authentication of GitHub Actions jobs with GitHub's OIDC tokens, without a stored secret.

Source: docs.github.com, "OpenID Connect reference" (permissions: id-token: write). Each step
of a job with that permission has the two variables.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote

from msgspec import Struct

from ogdc_cli import github
from ogdc_cli.client_variables import fits_header
from ogdc_cli.login.credentials import check_destination
from ogdc_cli.login.logins import Login
from ogdc_cli.login.metadata import audience_for_jobs
from ogdc_cli.login.web import ProviderError, Web
from ogdc_cli.settings import ClientSettings

URL, TOKEN = "ACTIONS_ID_TOKEN_REQUEST_URL", "ACTIONS_ID_TOKEN_REQUEST_TOKEN"


class _Answer(Struct):
    value: str


class GithubIdentity:
    """Credentials of a job: tokens that are valid for minutes, so a run that is waited for takes several."""

    def __init__(self, settings: ClientSettings, environ: Mapping[str, str]) -> None:
        self._settings = settings
        self._url, self._key = environ[URL], environ[TOKEN]
        self._web = Web(settings)
        self._audience: str | None = None
        self._login: Login | None = None

    @staticmethod
    def is_offered(environ: Mapping[str, str]) -> bool:
        """Whether the job may ask who it is."""
        return bool(environ.get(URL) and environ.get(TOKEN))

    def token(self) -> str | None:
        """Return the current token; None if the deployment requires no login.

        Raises:
            ProviderError: GitHub or the deployment does not respond.
            ConfigurationError: the token must not be sent there.
        """
        check_destination(self._settings)
        if self._login is None or self._login.is_over(early=True):
            self._login = self._asked()
        return self._login.access_token if self._login else None

    def renewed(self, refused: str) -> str | None:
        """Another token in place of one that was refused.

        Raises:
            ProviderError: GitHub does not answer.
        """
        if self._login is not None and self._login.access_token == refused:
            self._login = self._asked()
        return self._login.access_token if self._login else None

    @property
    def advice(self) -> str:
        """What to do where a deployment does not take it."""
        return (
            "The job used GitHub's token: the deployment's operator configures which repositories and "
            "branches are accepted. Alternatively, set the action's input `token`."
        )

    def _asked(self) -> Login | None:
        if self._audience is None:
            self._audience = audience_for_jobs(self._web, self._settings.api_url)
        if self._audience is None:
            return None
        url = f"{self._url}{'&' if '?' in self._url else '?'}audience={quote(self._audience, safe='')}"
        token = self._web.document(url, _Answer, headers={"Authorization": f"Bearer {self._key}"}).value
        if not fits_header(token):
            raise ProviderError("GitHub does not answer with a token.")
        github.mask(token)
        return Login().with_access(token, refresh_token=None, expires_in=None)
