"""The GitHub Action that submits a recipe (action.yml): validate, submit, wait, report."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from ogdc_cli import github
from ogdc_cli.api import ApiClient, ApiError
from ogdc_cli.interrupts import INTERRUPTS, interrupts_held
from ogdc_cli.login.github_identity import GithubIdentity
from ogdc_cli.outcome import outcome
from ogdc_cli.recipes import is_remote, load, staged
from ogdc_cli.settings import ClientSettings
from ogdc_cli.source_location import locate_problem
from ogdc_cli.submission import pack_recipe, submit
from ogdc_shared.errors import ConfigurationError, InvalidRecipeError, OgdcError, UnsupportedError
from ogdc_shared.phases import Phase

_PATIENCE_SECONDS = 300.0
"""How long a deployment may be away, as while it is upgraded, before waiting for a run is given up."""


class Inputs(NamedTuple):
    """What the step was asked for."""

    recipe: str
    wait: bool
    overwrite: bool
    validate_only: bool

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> Inputs:
        """Read the inputs that action.yml passes on; the other settings are read by the command line.

        Raises:
            ConfigurationError: an input is invalid.
        """
        recipe = environ.get("OGDC_ACTION_RECIPE", "")
        if not recipe:
            raise ConfigurationError("recipe: is empty; give the recipe's directory in the repository.")
        inputs = cls(
            recipe=recipe,
            wait=_flag(environ, "wait"),
            overwrite=_flag(environ, "overwrite"),
            validate_only=_flag(environ, "validate-only"),
        )
        if not (inputs.validate_only or environ.get("OGDC_API_URL")):
            raise ConfigurationError("api-url: is empty; give the URL of the deployment that is to run it.")
        return inputs


def perform() -> bool:
    """Do what the step was asked for and report it; returns whether it went well.

    A run with `wait` is cancelled together with the job.
    """
    recipe = os.environ.get("OGDC_ACTION_RECIPE", "")
    try:
        inputs = Inputs.from_env(os.environ)
        return _validate(recipe) if inputs.validate_only else _submit(inputs)
    except InvalidRecipeError as exc:
        workspace = Path(os.environ.get("GITHUB_WORKSPACE", ""))
        for problem in exc.problems:
            found = locate_problem(Path(recipe), problem, workspace=workspace)
            github.annotate("error", problem, title="This recipe is not valid", **found._asdict())
        return _end(recipe, "Not valid", str(exc), annotated=True)
    except (OgdcError, OSError) as exc:
        return _end(recipe, "Not submitted", str(exc))


def _validate(recipe: str) -> bool:
    if is_remote(recipe):
        raise UnsupportedError("validate-only: give a recipe directory of this repository.")
    with staged(recipe) as directory:
        return _end(recipe, "Valid", f"Recipe {load(directory).id} is valid.", good=True)


def _submit(inputs: Inputs) -> bool:
    packed = pack_recipe(inputs.recipe)
    client = _client(ClientSettings.from_env())
    name = ""
    try:
        # A run whose name is not known could not be cancelled.
        with interrupts_held():
            name = submit(client, packed, overwrite=inputs.overwrite).name
        github.set_outputs(run=name)
        return _follow(client, name, inputs)
    except INTERRUPTS:
        if name and inputs.wait:
            with interrupts_held():  # GitHub asks twice
                _cancel(client, name, recipe=inputs.recipe)
        raise


def _client(settings: ClientSettings) -> ApiClient:
    """The deployment as a job calls it: with a token that it was given, else with what GitHub says of it."""
    if settings.token is None and GithubIdentity.is_offered(os.environ):
        return ApiClient(settings, GithubIdentity(settings, os.environ))
    return ApiClient(settings)


def _follow(client: ApiClient, name: str, inputs: Inputs) -> bool:
    from ogdc_cli.progress import follow

    try:
        with github.commands_ignored():
            run = follow(client, name, patience=_PATIENCE_SECONDS) if inputs.wait else client.run(name)
        url = client.output_url(name) if "output" in run.links else ""
    except ApiError as exc:
        text = f"{exc}\nRun {name} was submitted; its further progress is unknown."
        return _end(inputs.recipe, "Unknown", text, run=name, deployment=client.url)
    github.set_outputs(status=run.status, **{"output-url": url})
    for warning in run.warnings if inputs.wait else ():
        github.annotate("warning", warning.message, title=f"{inputs.recipe}: {name}")
    text = outcome(run) if inputs.wait else f"Run {name} is submitted; see: ogdc-runner watch {name}"
    good = not inputs.wait or run.status == Phase.SUCCEEDED
    return _end(inputs.recipe, run.status, text, good=good, run=name, deployment=client.url)


def _cancel(client: ApiClient, name: str, *, recipe: str) -> None:
    try:
        client.cancel(name)
    except OgdcError as exc:
        _end(recipe, "Unknown", f"The job was cancelled, run {name} could not be: {exc}", run=name)
    else:
        _end(recipe, "Cancelled", f"Run {name} was cancelled together with the job.", run=name)


def _end(
    recipe: str, status: str, text: str, *, good: bool = False, annotated: bool = False, **rows: str
) -> bool:
    """Report how it ended: an annotation, unless it is `annotated` already, and the summary."""
    if not annotated:
        github.annotate("notice" if good else "error", text, title=f"{recipe}: {status}")
    github.summarize(f"{recipe}: {status}", {"status": status} | rows, text)
    return good


def _flag(environ: Mapping[str, str], name: str) -> bool:
    value = environ.get(f"OGDC_ACTION_{name.replace('-', '_').upper()}", "false")
    if value not in {"true", "false"}:
        raise ConfigurationError(f"{name}: {value!r} cannot be used; give true or false.")
    return value == "true"
