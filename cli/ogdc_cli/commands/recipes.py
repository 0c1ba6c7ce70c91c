"""Commands that examine recipes without running them: validate, compile, graph."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated

import typer

from ogdc_cli.commands.common import JsonOption, OverwriteOption, RecipeArgument, SetOption
from ogdc_cli.terminal import one_line, print_json, say

if TYPE_CHECKING:
    from pathlib import Path

    from ogdc_shared.config import Settings
    from ogdc_shared.errors import OgdcError
    from ogdc_shared.recipe.recipe import Recipe

DEFAULT_RECIPES = "https://github.com/qgreenland-net/ogdc-recipes.git"


def register(app: typer.Typer) -> None:
    """Add these commands to `app`."""
    app.command("validate", short_help="Check a recipe.")(validate)
    app.command("validate-recipe", short_help="Same as `validate`.")(validate)
    app.command("validate-all-recipes", short_help="Check every recipe of a repository.")(validate_all)
    app.command("compile", short_help="Print the Argo workflow of a recipe.")(compile_recipe)
    app.command("graph", short_help="Draw the graph of a recipe.")(graph)


def validate(
    recipe: RecipeArgument,
    check_inputs: Annotated[
        bool, typer.Option("--check-inputs", help="Also check that the inputs exist on their servers.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Check a recipe without fetching its inputs."""
    from ogdc_cli.recipes import commands_of, load, print_advice, reporting_left_out, staged
    from ogdc_shared.errors import InputNotFoundError, InvalidRecipeError
    from ogdc_shared.recipe.bundle import pack
    from ogdc_shared.recipe.recipe import output_advice
    from ogdc_shared.redact import redact_url

    location, recipe = recipe, redact_url(recipe)
    try:
        with staged(location) as directory, reporting_left_out() as on_left_out:
            loaded = load(directory)
            pack(loaded.directory, on_left_out=on_left_out)
            if check_inputs:
                _check_inputs(loaded)
    except (InvalidRecipeError, InputNotFoundError) as exc:
        problems = _problem_lines(exc)
        if as_json:
            print_json({"recipe": recipe, "valid": False, "problems": problems})
        else:
            say("\n  ".join(map(one_line, (f"{recipe} is not valid:", *problems))), err=True)
        raise typer.Exit(1) from exc
    advice = (*loaded.advice, *output_advice(loaded.meta))
    if as_json:
        print_json(
            {
                "recipe": recipe,
                "valid": True,
                "recipe_id": loaded.id,
                "problems": [],
                "advice": list(advice),
            }
        )
    else:
        print_advice(advice)
        parts = _count(len(commands_of(loaded)), "command" if loaded.commands else "stage")
        say(one_line(f"{recipe} is valid ({loaded.id}, {parts})."))


def validate_all(
    repository: Annotated[
        str,
        typer.Argument(metavar="[REPO]", help="A git repository, or a directory, that contains recipes/."),
    ] = DEFAULT_RECIPES,
    ref: Annotated[
        str | None,
        typer.Option(
            help="Branch, tag or commit to check.", show_default="the default branch; a directory as it is"
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Check every recipe of a repository (recipes/*/meta.yml)."""
    from ogdc_cli.recipes import checked_out
    from ogdc_shared.errors import RecipeNotFoundError

    with checked_out(repository, ref) as root:
        found = {path.parent.name: _problems(path.parent) for path in sorted(root.glob("recipes/*/meta.yml"))}
    if not found:
        raise RecipeNotFoundError(f"{repository} holds no recipes/*/meta.yml.")
    valid = sum(not problems for problems in found.values())
    if as_json:
        print_json([{"recipe": name, "valid": not each, "problems": each} for name, each in found.items()])
    else:
        for name, problems in found.items():
            heading = f"{'invalid' if problems else 'valid  '}  {name}"
            say("\n         ".join(map(one_line, (heading, *problems))))
        say(f"{valid} of {_count(len(found), 'recipe')} valid.")
    if valid < len(found):
        raise typer.Exit(1)


def compile_recipe(
    recipe: RecipeArgument,
    parameters: SetOption = None,
    overwrite: OverwriteOption = False,
    as_json: JsonOption = False,
) -> None:
    """Print the Argo Workflow that a recipe is submitted as, with the settings of the environment."""
    from ogdc_cli.recipes import load, staged
    from ogdc_shared.api.parameters import read_assignments
    from ogdc_shared.runs.compile import compiled_recipe

    with (
        staged(recipe) as directory,
        compiled_recipe(
            load(directory),
            settings=_settings(),
            parameters=read_assignments(parameters or ()),
            overwrite=overwrite,
        ) as run,
    ):
        manifest = run.manifest
    if as_json:
        print_json(manifest)
    else:
        import yaml

        say(yaml.safe_dump(manifest, sort_keys=False).rstrip("\n"))


def graph(recipe: RecipeArgument) -> None:
    """Draw what a recipe does, as a Mermaid flowchart (paste it into Markdown or mermaid.live)."""
    from ogdc_cli.recipes import load, mermaid, staged

    with staged(recipe) as directory:
        say(mermaid(load(directory)))


def _problems(directory: Path) -> list[str]:
    from ogdc_cli.recipes import load
    from ogdc_shared.errors import OgdcError

    try:
        load(directory)
    except OgdcError as exc:
        return _problem_lines(exc)
    return []


def _problem_lines(exc: OgdcError) -> list[str]:
    """Return the problems of a recipe, one line each."""
    from ogdc_shared.errors import InvalidRecipeError

    return list(exc.problems) if isinstance(exc, InvalidRecipeError) else str(exc).split("\n")


def _check_inputs(recipe: Recipe) -> None:
    from ogdc_local.stack.private import PrivateFiles
    from ogdc_shared.inputs.resolve import check_reachable, resolve_inputs
    from ogdc_shared.servers.credentials import Credentials

    credentials = Credentials.of_files(PrivateFiles.from_env(os.environ).logins())
    files = resolve_inputs(
        recipe, dataone_node_url=_settings().dataone_node_url, credentials=lambda: credentials
    )
    check_reachable(files, credentials=credentials)


def _settings() -> Settings:
    """What the environment says of a deployment and of the local stack.

    Volume claims of either may be read, and DataONE's node is the stack's unless another is named.
    """
    from ogdc_local.settings import StackSettings
    from ogdc_local.stack.environment import DATAONE_NODE_URL
    from ogdc_shared.config import Settings
    from ogdc_shared.variables import read_variable

    settings = Settings.from_env()
    claims = (*settings.worker.allowed_input_claims, *read_variable(StackSettings, "claims", os.environ))
    return settings._replace(
        dataone_node_url=settings.dataone_node_url or DATAONE_NODE_URL,
        worker=settings.worker._replace(allowed_input_claims=claims),
    )


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
