"""Commands that look at a recipe without running it: validate, compile, graph."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from ogdc_shared.recipe.recipe import Recipe

RecipeArgument = Annotated[
    str,
    typer.Argument(
        metavar="RECIPE",
        help="A recipe directory, or where one is to be fetched from: "
        "github://org:repo@ref/path, https://….tar.gz, s3://bucket/path.",
    ),
]
DEFAULT_RECIPES = "https://github.com/qgreenland-net/ogdc-recipes.git"


def register(app: typer.Typer) -> None:
    """Add these commands to `app`."""
    app.command("validate")(validate)
    app.command("validate-recipe", help="Same as `validate`.")(validate)
    app.command("validate-all-recipes")(validate_all)
    app.command("compile")(compile_recipe)
    app.command("graph")(graph)


def validate(recipe: RecipeArgument) -> None:
    """Check a recipe; fetches none of its inputs."""
    from ogdc_cli.recipes import staged
    from ogdc_shared.errors import InvalidRecipeError

    try:
        with staged(recipe) as directory:
            loaded = _load(directory)
    except InvalidRecipeError as exc:
        typer.echo(f"{recipe} is not valid:", err=True)
        for problem in exc.problems:
            typer.echo(f"  {problem}", err=True)
        raise typer.Exit(1) from exc
    typer.echo(f"{recipe} is valid ({loaded.id}, {_count(len(loaded.commands), 'command')}).")


def validate_all(
    repository: Annotated[
        str, typer.Argument(metavar="[REPO]", help="A git repository with a recipes/ directory, or a directory.")
    ] = DEFAULT_RECIPES,
    ref: Annotated[str, typer.Option(help="Branch or tag to check.")] = "main",
) -> None:
    """Check every recipe of a repository (recipes/*/meta.yml)."""
    from ogdc_cli.recipes import checked_out
    from ogdc_shared.errors import OgdcError

    invalid = 0
    with checked_out(repository, ref) as root:
        directories = sorted(path.parent for path in (root / "recipes").glob("*/meta.yml"))
        if not directories:
            typer.echo(f"{repository} holds no recipes/*/meta.yml.", err=True)
            raise typer.Exit(1)
        for directory in directories:
            try:
                _load(directory)
                typer.echo(f"valid    {directory.name}")
            except OgdcError as exc:
                invalid += 1
                typer.echo(f"invalid  {directory.name}")
                typer.echo("\n".join(f"         {line}" for line in str(exc).splitlines()))
    typer.echo(f"{len(directories) - invalid} of {_count(len(directories), 'recipe')} valid.")
    if invalid:
        raise typer.Exit(1)


def compile_recipe(
    recipe: RecipeArgument,
    as_json: Annotated[bool, typer.Option("--json", help="JSON instead of YAML.")] = False,
) -> None:
    """Print the Argo Workflow a recipe becomes, with the settings of the environment."""
    from ogdc_cli.recipes import staged
    from ogdc_shared.config import Settings
    from ogdc_shared.workflow.build import build_workflow
    from ogdc_shared.workflow.names import workflow_name

    with staged(recipe) as directory:
        loaded = _load(directory)
        manifest = build_workflow(
            name=workflow_name(loaded.id), recipe=loaded, partitions=1, settings=Settings.from_env(), overwrite=False
        )
    if as_json:
        import json

        typer.echo(json.dumps(manifest, indent=2))
    else:
        import yaml

        typer.echo(yaml.safe_dump(manifest, sort_keys=False), nl=False)


def graph(recipe: RecipeArgument) -> None:
    """Draw what a recipe does, as a Mermaid flowchart (paste it into Markdown or mermaid.live)."""
    from ogdc_cli.recipes import mermaid, staged

    with staged(recipe) as directory:
        typer.echo(mermaid(_load(directory)))


def _load(directory: Path) -> Recipe:
    from ogdc_shared.recipe.recipe import load_recipe

    return load_recipe(directory)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
