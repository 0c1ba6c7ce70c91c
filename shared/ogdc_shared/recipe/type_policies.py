"""How a recipe of each type (`workflow.type` of meta.yml) is read; nothing else in `recipe` compares types.

`runs.recipe_types` has what each compiles to.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from ogdc_shared.recipe.commands import Script, read_script
from ogdc_shared.recipe.forms import META_FILE
from ogdc_shared.recipe.models import RecipeMeta, ShellWorkflow, VisualizationWorkflow
from ogdc_shared.recipe.shell import Shell
from ogdc_shared.recipe.side_files import check_json_object, read_side_text

_CONFIG_FILE = "config.json"
"""Usual name of the configuration of visualization recipes."""
_OF_COMMANDS = {"checks", "network", "secrets"}
_OF_ITEMS = {"allowed_failures", "items"}


class TypePolicy(Protocol):
    """What the type of a recipe decides, for one recipe."""

    @property
    def file(self) -> str | None:
        """The side file that says what is done, relative to the recipe's directory; None: none is needed."""

    @property
    def has_commands(self) -> bool:
        """Whether that file has the recipe's own commands, which its plan contains one by one."""

    def read(self, directory: Path) -> Script:
        """Read and check the side file; of a recipe without commands of its own, return none.

        Raises:
            InvalidRecipeError: the file is missing or invalid; the message lists all problems.
        """

    def unheeded(self, meta: RecipeMeta) -> Iterator[str]:
        """Yield the given keys of meta.yml that have no meaning for the type."""

    def advice(self, directory: Path) -> Iterator[str]:
        """Yield sentences about probable mistakes in what the type alone has."""

    def footprints(self, directory: Path) -> str | None:
        """Return the recipe's directory of footprints, which its stages read; None if the type has none."""


class _Shell:
    """A list of commands."""

    has_commands = True

    def __init__(self, workflow: ShellWorkflow) -> None:
        self._workflow = workflow

    @property
    def file(self) -> str:
        return self._workflow.sh_file

    def read(self, directory: Path) -> Script:
        workflow = self._workflow
        text = read_side_text(directory, "workflow.sh_file", workflow.sh_file)
        return read_script(
            text, file=workflow.sh_file, strict=workflow.strict, parallel=workflow.parallel.enabled
        )

    def unheeded(self, _meta: RecipeMeta) -> Iterator[str]:
        return iter(())

    def advice(self, _directory: Path) -> Iterator[str]:
        return iter(())

    def footprints(self, _directory: Path) -> None:
        return None


class _Visualization:
    """A map, by a configuration."""

    has_commands = False

    def __init__(self, workflow: VisualizationWorkflow) -> None:
        self._workflow = workflow

    @property
    def file(self) -> str | None:
        return self._workflow.config_file

    def read(self, directory: Path) -> Script:
        if (file := self.file) is not None:
            text = read_side_text(directory, "workflow.config_file", file)
            check_json_object(text, file)
            from ogdc_shared.visualization.reading import read_config  # imported late, only for these recipes

            read_config(text, name=file, recipe=directory)
        return Script((), Shell())

    def unheeded(self, meta: RecipeMeta) -> Iterator[str]:
        """Yield the keys about commands."""
        parallel = meta.workflow.parallel
        yield from sorted(
            [
                *(f"workflow.{key}" for key in meta.workflow.model_fields_set & _OF_COMMANDS),
                *(f"workflow.parallel.{key}" for key in parallel.model_fields_set & _OF_ITEMS),
                *(["parameters"] if meta.parameters else []),
            ]
        )

    def advice(self, directory: Path) -> Iterator[str]:
        """Advise on a configuration file that is present but not used, so that the map would be another."""
        if self.file is None and (directory / _CONFIG_FILE).is_file():
            yield (
                f"{_CONFIG_FILE} is not used, and the map is made by the defaults; "
                f"{META_FILE}: workflow.config_file: {_CONFIG_FILE} names it."
            )

    def footprints(self, directory: Path) -> str:
        content = json.loads((directory / self.file).read_bytes()) if self.file else {}
        return str(content.get("dir_footprints", "footprints"))


def type_policy(meta: RecipeMeta) -> TypePolicy:
    """Return the policy of a recipe's type."""
    workflow = meta.workflow
    return _Shell(workflow) if isinstance(workflow, ShellWorkflow) else _Visualization(workflow)
