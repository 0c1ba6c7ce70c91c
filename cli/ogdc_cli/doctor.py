"""`ogdc-runner doctor`: checks that this machine can run and submit recipes."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, NamedTuple

from ogdc_shared.errors import OgdcError

if TYPE_CHECKING:
    from ogdc_cli.login.credentials import UserCredentials
    from ogdc_cli.settings import ClientSettings

_GDAL_PROGRAMS = ("gdalinfo", "ogr2ogr", "gdal_calc.py")
_MIN_FREE = 2 << 30
"""Bytes: the embedded PostgreSQL and one recipe of moderate size."""
_SECONDS = 20


class Finding(NamedTuple):
    """The result of one check."""

    part: str
    ok: bool
    text: str
    """What was found, or what is wrong."""
    advice: str = ""
    """What to do if it is not ok."""


def examine(environ: Mapping[str, str]) -> Iterator[Finding]:
    """Look at each part in turn, with real calls; yields as it goes, since some take a moment.

    Args:
        environ: The user's environment.
    """
    checks: tuple[Callable[[Mapping[str, str]], Finding], ...] = (
        _gdal,
        _sandbox,
        _user_namespaces,
        _postgres,
        _disk,
        _visualization,
        _api,
        _login,
    )
    yield _python()
    yield _packages()
    for check in checks:
        yield check(environ)


def _python() -> Finding:
    version = ".".join(str(number) for number in sys.version_info[:3])
    return Finding("Python", True, f"{version} ({sys.executable})")


def _packages() -> Finding:
    """Whether all that this distribution names is installed; it may have been installed without that."""
    from importlib.metadata import requires

    part = "Python packages"
    wanted = [each for each in requires("ogdc-runner") or () if ";" not in each]  # the others are conditional
    missing = [each for each in wanted if not _is_installed(each)]
    if not missing:
        return Finding(part, True, f"all {len(wanted)} are installed")
    names = ", ".join(_name_of(each) for each in missing)
    return Finding(part, False, f"not installed: {names}", _pip_install(missing))


def _is_installed(requirement: str) -> bool:
    from importlib.metadata import PackageNotFoundError, distribution

    try:
        distribution(_name_of(requirement))
    except PackageNotFoundError:
        return False
    return True


def _name_of(requirement: str) -> str:
    """The name that a requirement begins with (PEP 508)."""
    return re.split(r"[^A-Za-z0-9._-]", requirement, maxsplit=1)[0]


def _pip_install(requirements: list[str]) -> str:
    return shlex.join([sys.executable, "-m", "pip", "install", *requirements])


def _gdal(environ: Mapping[str, str]) -> Finding:
    path = environ.get("PATH")
    missing = [name for name in _GDAL_PROGRAMS if not shutil.which(name, path=path)]
    if "gdalinfo" in missing or "ogr2ogr" in missing:
        return Finding(
            "GDAL", False, f"no {' and no '.join(missing)} on PATH", _install("gdal-bin python3-gdal", "gdal")
        )
    text = f"{_first_line(['gdalinfo', '--version'])} ({shutil.which('gdalinfo', path=path)})"
    if missing:
        advice = _install("python3-gdal", "python3-gdal")
        return Finding("GDAL", False, f"{text}, but without gdal_calc.py", advice)
    return Finding("GDAL", True, text)


def _sandbox(environ: Mapping[str, str]) -> Finding:
    try:
        from ogdc_local.sandbox.probe import probe

        found = probe(environ=environ, label="doctor")
    except ModuleNotFoundError as exc:
        return _not_installed("sandbox", exc)
    except OgdcError as exc:
        return Finding("sandbox", False, str(exc), _install("bubblewrap", "bubblewrap"))
    return Finding("sandbox", True, type(found).__name__.lower())


def _user_namespaces(_environ: Mapping[str, str]) -> Finding:
    part = "user namespaces"
    if sys.platform != "linux":
        return Finding(part, True, "not needed on this system")
    try:
        done = subprocess.run(
            ["unshare", "--user", "--map-root-user", "true"],
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as exc:
        return Finding(part, True, f"unknown, because unshare cannot be run: {exc}")
    if done.returncode == 0:
        return Finding(part, True, "allowed")
    return Finding(
        part,
        False,
        done.stderr.strip() or f"unshare ended with exit code {done.returncode}",
        "sudo sysctl kernel.unprivileged_userns_clone=1 kernel.apparmor_restrict_unprivileged_userns=0 "
        "(whichever of the two there is), or start docker or podman",
    )


def _postgres(environ: Mapping[str, str]) -> Finding:
    part = "PostgreSQL"
    try:
        from ogdc_local.stack.binaries import find_binaries
        from ogdc_local.stack.paths import StatePaths

        found = find_binaries(StatePaths.from_env(environ).postgres_data, environ)
    except ModuleNotFoundError as exc:
        return _not_installed(part, exc)
    except OgdcError as exc:
        return Finding(part, False, str(exc), _install("postgresql", "postgresql-server"))
    return Finding(part, True, f"{found.major} ({found.directory})")


def _disk(environ: Mapping[str, str]) -> Finding:
    from ogdc_local.stack.paths import StatePaths

    root = StatePaths.from_env(environ).root
    place = next(path for path in (root, *root.parents) if path.exists())
    free = shutil.disk_usage(place).free
    text = f"{free / (1 << 30):.1f} GiB free for {root}"
    if not os.access(place, os.W_OK):
        return Finding(
            "disk", False, f"{place} cannot be written", "set OGDC_STATE_DIR to a directory of yours"
        )
    if free < _MIN_FREE:
        return Finding(
            "disk", False, text, "free some, or set OGDC_STATE_DIR to a directory on a larger disk"
        )
    return Finding("disk", True, text)


def _visualization(_environ: Mapping[str, str]) -> Finding:
    """Whether recipes of tiles for maps run here; those who have none need not install what they take."""
    from ogdc_shared.extras import advice, missing_packages

    part = "tiles for maps"
    if missing := missing_packages("visualization"):
        text = f"optional, not installed: {', '.join(missing)}; to run visualization recipes: "
        return Finding(part, True, text + advice("visualization"))
    if not _has_map_library():
        text = "all packages are installed, but not OpenLayers: maps are made without index.html; "
        return Finding(part, True, f"{text}in a clone of ogdc-runner, scripts/openlayers installs it")
    return Finding(part, True, "all packages and OpenLayers are installed")


def _has_map_library() -> bool:
    """Whether the web page of a map can be made; tasks import the package, the command line only looks."""
    from importlib.util import find_spec
    from pathlib import Path

    places = (spec := find_spec("ogdc_visualization")) and spec.submodule_search_locations
    return any(Path(place, "products", "page", "openlayers.js").is_file() for place in places or ())


def _api(environ: Mapping[str, str]) -> Finding:
    part = "API"
    if not environ.get("OGDC_API_URL") and not environ.get("ENVIRONMENT"):
        return Finding(part, True, "OGDC_API_URL is not set: commands talk to the stack on this machine")
    from ogdc_cli.api import ApiClient
    from ogdc_cli.settings import ClientSettings

    try:
        client = ApiClient(ClientSettings.from_env(environ))
        return Finding(part, True, f"{client.url} answers, version {client.version()}")
    except OgdcError as exc:
        return Finding(part, False, str(exc), "correct OGDC_API_URL, or unset it to use this machine's stack")


def _login(environ: Mapping[str, str]) -> Finding:
    """Check whether the login is valid, according to the deployment if it can be reached."""
    from ogdc_cli.login.credentials import UserCredentials
    from ogdc_cli.settings import ClientSettings

    part = "login"
    try:
        settings = ClientSettings.from_env(environ)
        credentials = UserCredentials(settings)
        token = credentials.token()
    except OgdcError as exc:
        return Finding(part, False, str(exc), "ogdc-runner login")
    if token is None:
        text = f"no login is kept; runs on a deployment in open mode are {settings.user}'s"
        return Finding(part, True, text)
    source = "OGDC_TOKEN" if settings.token else str(settings.token_file)
    return _checked_login(part, settings, credentials, f"a token from {source}")


def _checked_login(part: str, settings: ClientSettings, credentials: UserCredentials, text: str) -> Finding:
    from ogdc_cli.accounts import Accounts
    from ogdc_cli.transport import ApiError

    try:
        me = Accounts(settings, credentials).me()
    except ApiError as exc:
        if exc.status in (401, 403):
            return Finding(part, False, f"{text}: {exc}", "ogdc-runner login")
        return Finding(part, True, f"{text}, which could not be tried{credentials.until}")
    if me.id is None:
        return Finding(part, True, f"{text}; {settings.api_url} requires no login")
    until = f", until {me.token.expires_at:%Y-%m-%d %H:%M} UTC" if me.token else credentials.until
    return Finding(part, True, f"{text}: {me.name}, {me.role}{until}")


def _not_installed(part: str, exc: ModuleNotFoundError) -> Finding:
    return Finding(part, False, f"{exc.name} is not installed", _pip_install(["ogdc-runner"]))


def _first_line(command: list[str]) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired) as exc:
        return str(exc)
    return (done.stdout or done.stderr).partition("\n")[0].partition(",")[0].strip()


def _install(debian: str, fedora: str) -> str:
    """What to type to install packages, on this machine."""
    if shutil.which("apt-get"):
        return f"sudo apt-get install {debian}"
    if shutil.which("dnf"):
        return f"sudo dnf install {fedora}"
    return f"install {fedora} (conda-forge has it, too)"
