"""The services in threads of the stack's process once PostgreSQL is up: functions, engine, gateway."""

from __future__ import annotations

import logging
import os
import secrets
import socket
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path

from ogdc_local.engine import Engine
from ogdc_local.engine.fetching import Fetching
from ogdc_local.sandbox import Sandbox, probe
from ogdc_local.settings import CLAIM, StackSettings
from ogdc_local.stack.disk import DiskWatch, Reserve
from ogdc_local.stack.egress import Egress
from ogdc_local.stack.environment import (
    DATAONE_NODE_URL,
    NAMESPACE,
    NODE_SECRET,
    function_environment,
    load_signing_key,
    wants_logins,
)
from ogdc_local.stack.functions import build_functions
from ogdc_local.stack.gateway import Gateway, IdleTimer, Internal
from ogdc_local.stack.leftovers import discard, tidy
from ogdc_local.stack.long_polls import Changes, with_long_polls
from ogdc_local.stack.machine_user import machine_user
from ogdc_local.stack.paths import StatePaths, read_state, write_private
from ogdc_local.stack.private import PrivateFiles
from ogdc_local.stack.server import Server, listen, url_of
from ogdc_shared.config import Settings
from ogdc_shared.context import Context
from ogdc_shared.db.migrate import migrate
from ogdc_shared.errors import OgdcError
from ogdc_shared.reach import Reach
from ogdc_shared.sweep import UNSENT_SECONDS, sweep
from ogdc_shared.variables import read_section

SWEEP_SECONDS = 15.0
TIDY_SECONDS = 86_400.0
_SWEEP_PATIENCE = 5.0
_MIN_PORT, _MAX_PORT = 1024, 65535
_USER_THREADS = 16
_INTERNAL_THREADS = 8

logger = logging.getLogger(__name__)


class Services:
    """The running services.

    Attributes:
        url: Base URL of the gateway.
    """

    def __init__(self, *, url: str, clock: IdleTimer, engine: Engine) -> None:
        self.url = url
        self._clock = clock
        self._engine = engine

    @property
    def alive(self) -> bool:
        """Whether all of them work; a crash of the engine is permanent."""
        return self._engine.alive

    @property
    def idle_seconds(self) -> float:
        """Seconds since the last request of a user; 0 while a workflow runs."""
        return 0.0 if self._engine.busy() else self._clock.idle_seconds


@contextmanager
def running_services(
    paths: StatePaths, *, environ: Mapping[str, str], settings: Mapping[str, str]
) -> Iterator[Services]:
    """Start the services, and stop them in reverse order.

    There are two servers: users call one, and functions and engine call each other through the other, with a
    token. With one server, concurrent submissions could occupy all threads and wait forever for a thread to
    handle their calls.

    Args:
        paths: The state directory.
        environ: The user's environment, to choose a sandbox.
        settings: The functions' settings from it.

    Raises:
        OgdcError: a service does not start.
    """
    public, internal = listen(_last_port(paths)), listen(None)
    write_private(paths.port, str(public.getsockname()[1]))
    signing_key, token = load_signing_key(paths), secrets.token_urlsafe(32)
    sandbox = probe(environ=environ, label=paths.label, private=(paths.root,))
    environment = function_environment(
        paths,
        url=url_of(public),
        engine_url=url_of(internal),
        engine_token=token,
        signing_key=signing_key,
        settings=settings,
        with_images=sandbox.has_images,
    )
    context = Context(Settings.from_env(environment), logins=PrivateFiles.from_env(environ).logins)
    with ExitStack() as parts:
        parts.callback(context.database.close)
        migrate(context.database)
        egress = parts.enter_context(_egress(paths, context.settings, environ, (public, internal)))
        engine = _engine(
            paths, egress, sandbox, environ=environ, settings=settings, url=url_of(internal), token=token
        )
        functions = with_long_polls(build_functions(context), Changes())
        gateway = Gateway(
            functions=functions,
            engine=None if wants_logins(settings) else engine.wsgi,
            artifacts=paths.artifacts,
            signing_key=signing_key,
            user=machine_user(),
            state=lambda: {"busy": engine.busy()},
        )
        wake_sweep = threading.Event()
        inside = Internal(engine.wsgi, functions.argo_events, token=token, on_sweep_requested=wake_sweep.set)
        parts.enter_context(Server(internal, inside, threads=_INTERNAL_THREADS))
        engine.start()
        parts.callback(engine.stop)
        parts.enter_context(DiskWatch(Reserve(paths.reserve), paths.root, stop_tasks=engine.stop_tasks))
        _sweep(context, unsent_for=0)  # nobody submits before the port is served
        clock = IdleTimer(gateway)
        parts.enter_context(Server(public, clock, threads=_USER_THREADS))
        parts.enter_context(_chores(context, volume=paths.volume, wake=wake_sweep))
        yield Services(url=url_of(public), clock=clock, engine=engine)


def _egress(
    paths: StatePaths, settings: Settings, environ: Mapping[str, str], own: Iterable[socket.socket]
) -> Egress:
    return Egress(
        paths.egress,
        reach=Reach(networks=settings.allowed_networks),
        environ=environ,
        own_ports=frozenset(each.getsockname()[1] for each in own),
    )


def _engine(
    paths: StatePaths,
    egress: Egress,
    sandbox: Sandbox,
    *,
    environ: Mapping[str, str],
    settings: Mapping[str, str],
    url: str,
    token: str,
) -> Engine:
    private = PrivateFiles.from_env(environ)
    own = read_section(StackSettings, settings)
    return Engine(
        store_path=paths.engine_store,
        artifact_dir=paths.artifacts,
        volumes={CLAIM: paths.volume, **own.claims},
        log_dir=paths.logs,
        log_limit=own.log_limit,
        events_url=f"{url}/events/argo",
        events_token=token,
        egress=egress.leading_to,
        namespace=NAMESPACE,
        slots=(os.cpu_count() or 1) + 1,  # one more, because tasks also wait for the disk
        sandbox=sandbox,
        secret=partial(_secret, private, settings.get("DATAONE_NODE_URL", DATAONE_NODE_URL)),
        on_forget=partial(discard, paths.volume),
        fetching=Fetching(logins=private.logins, cache=paths.input_cache, limit=own.input_cache),
    )


def _secret(private: PrivateFiles, node: str, name: str) -> Mapping[str, str]:
    """Read a secret of the user, or their token for the member node."""
    return private.node_token(node) if name == NODE_SECRET else private.secret(name)


def _last_port(paths: StatePaths) -> int | None:
    """Return the previous port if it is recorded and a user may listen on it."""
    with suppress(OSError, ValueError):
        port = int(read_state(paths.port))
        return port if _MIN_PORT <= port <= _MAX_PORT else None
    return None


@contextmanager
def _chores(context: Context, *, volume: Path, wake: threading.Event) -> Iterator[None]:
    """Sweep every 15 seconds and when woken, tidy daily, and import what the first submission needs."""
    stop = threading.Event()

    def sweep_regularly() -> None:
        tidy_at = 0.0
        while True:
            wake.wait(SWEEP_SECONDS)
            wake.clear()  # before the sweep, so that a wake-up during it counts
            if stop.is_set():
                return
            _sweep(context)
            if time.monotonic() >= tidy_at:
                _tidy(volume, context.settings)
                tidy_at = time.monotonic() + TIDY_SECONDS

    threading.Thread(target=_import_compiler, name="imports", daemon=True).start()
    sweeper = threading.Thread(target=sweep_regularly, name="sweeper", daemon=True)
    sweeper.start()
    try:
        yield
    finally:
        stop.set()
        wake.set()
        sweeper.join(_SWEEP_PATIENCE)


def _import_compiler() -> None:
    import ogdc_shared.workflow.build  # noqa: F401  imports hera, which takes most of a second


def _sweep(context: Context, *, unsent_for: float = UNSENT_SECONDS) -> None:
    try:
        sweep(context, unsent_for=unsent_for)
    except OgdcError as exc:
        logger.warning("the sweep has to wait: %s", exc)
    except Exception:
        logger.exception("the sweep failed")


def _tidy(volume: Path, settings: Settings) -> None:
    worker = settings.worker
    try:
        tidy(
            volume,
            retry_days=settings.failed_run_days,
            reuse_days=worker.reuse_days,
            reuse_size=worker.reuse_size,
        )
    except Exception:
        logger.exception("leftovers of runs cannot be removed")
