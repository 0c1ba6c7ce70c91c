"""Loading a recipe: `meta.yml` and the files it refers to, validated as a whole."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from pydantic import ValidationError

from ogdc_shared.errors import InvalidRecipeError, RecipeNotFoundError
from ogdc_shared.outputs.policies import policy_of
from ogdc_shared.plan import Command
from ogdc_shared.recipe.commands import Script
from ogdc_shared.recipe.eml_file import with_eml
from ogdc_shared.recipe.explain import explain, shown
from ogdc_shared.recipe.files import UnusableFileError
from ogdc_shared.recipe.forms import META_FILE
from ogdc_shared.recipe.ids import recipe_id
from ogdc_shared.recipe.input_models import FileInput, InputParam, UrlInput, UrlListInput
from ogdc_shared.recipe.input_names import name_problems
from ogdc_shared.recipe.meta import load_meta
from ogdc_shared.recipe.metadata_advice import metadata_advice
from ogdc_shared.recipe.models import DataOneOutput, PvcOutput, RecipeMeta
from ogdc_shared.recipe.network import named_addresses, network_signs, unreached
from ogdc_shared.recipe.parameters import parameter_problems
from ogdc_shared.recipe.publishable import missing_words
from ogdc_shared.recipe.shell import Shell
from ogdc_shared.recipe.side_files import side_file
from ogdc_shared.recipe.type_policies import type_policy
from ogdc_shared.recipe.urls import http_url, read_url_list, url_problem
from ogdc_shared.several import several

_MAX = 10
"""Maximum number of listed invalid lines of a URL list."""


class Recipe(NamedTuple):
    """A valid recipe."""

    id: str
    """Its name on the volume, in labels and in file names; derived from `meta.name`."""
    meta: RecipeMeta
    directory: Path
    commands: tuple[Command, ...]
    """The command lines of a shell recipe; empty for a visualization."""
    networked: bool
    """Whether commands may use a network: as in meta.yml, or if that is unset, whether a line uses one."""
    shell: Shell = Shell()
    """The shell for its lines."""
    advice: tuple[str, ...] = ()
    """Sentences about probable mistakes that do not prevent a run."""

    @property
    def addresses(self) -> tuple[str, ...]:
        """Non-public addresses that commands may reach, because lines name them; see `named_addresses`."""
        return named_addresses(self.commands) if self.networked else ()


def load_recipe(directory: Path) -> Recipe:
    """Read the recipe in `directory` and check everything that can be checked without a network.

    Raises:
        RecipeNotFoundError: there is no such directory, or no `meta.yml` in it.
        InvalidRecipeError: the recipe is invalid; the message lists all problems.
    """
    if not directory.is_dir():
        raise RecipeNotFoundError(
            f"{directory}: the directory does not exist; give the directory with the recipe's {META_FILE}."
        )
    content = with_eml(load_meta(directory / META_FILE), directory)
    try:
        meta = RecipeMeta.model_validate(content)
    except ValidationError as exc:
        raise InvalidRecipeError(*explain(exc, file=META_FILE)) from exc
    problems: list[str] = []
    policy = type_policy(meta)
    script = Script((), Shell())
    try:
        script = policy.read(directory)
    except InvalidRecipeError as exc:
        problems += exc.problems
    for position, param in enumerate(meta.input.params):
        problems += _input_problems(f"input.params[{position}]", param, directory)
    problems += [*name_problems(meta, directory), *parameter_problems(meta)]
    problems += [f"{META_FILE}: {key}: is for `type: shell`; remove it." for key in policy.unheeded(meta)]
    if problems:
        raise InvalidRecipeError(*problems)
    sign, wanted = next(network_signs(script.commands), None), meta.workflow.network
    advice = (
        *_input_advice(meta),
        *_parallel_advice(meta),
        *policy.advice(directory),
        *script.advice,
        *_path_advice(script, directory, file=policy.file),
        *_network_advice(script, sign, file=policy.file, wanted=wanted),
        *(metadata_advice(meta) if policy_of(meta.output.type).to_node else ()),
    )
    return Recipe(
        recipe_id(meta.name),
        meta,
        directory,
        commands=script.commands,
        networked=sign is not None if wanted is None else wanted,
        shell=script.shell,
        advice=advice,
    )


def _path_advice(script: Script, directory: Path, *, file: str | None) -> Iterator[str]:
    """Tell of `python3 script.py`: a line does not start in the recipe's directory."""
    for command in script.commands:
        if re.search(r"\b(RECIPE_DIR|cd|pushd)\b", command.text):
            continue
        for word in command.text.split():
            name = word.strip("\"';()").removeprefix("./")
            if _is_recipe_file(directory, name) and not re.search(
                rf"(?<!\.)/{re.escape(name)}", command.text
            ):
                yield (
                    f"{file}: line {command.line}: {name!r} is a file of the recipe, but commands do not "
                    f'start in its directory. Write "$RECIPE_DIR/{name}".'
                )
                break


def _is_recipe_file(directory: Path, name: str) -> bool:
    return re.fullmatch(r"\w[\w./-]*\.\w+", name) is not None and (directory / name).is_file()


def _input_problems(key: str, param: InputParam, directory: Path) -> Iterator[str]:
    try:
        if isinstance(param, FileInput):
            side_file(directory, f"{key}.path", param.path)
        elif isinstance(param, UrlListInput):
            path = side_file(directory, f"{key}.file", param.file)
            yield from islice(_url_list_problems(path, param.file), _MAX)
    except InvalidRecipeError as exc:
        yield from exc.problems


def _input_advice(meta: RecipeMeta) -> Iterator[str]:
    for position, param in enumerate(meta.input.params):
        if isinstance(param, UrlInput) and (read := http_url(param.value)) != param.value:
            yield (
                f"{META_FILE}: input.params[{position}].value: {shown(param.value)} is read as {read}; where "
                "the bucket has another address, give that."
            )


def _parallel_advice(meta: RecipeMeta) -> Iterator[str]:
    """Advise on a recipe that configures how to divide inputs without enabling or disabling it."""
    given = meta.workflow.parallel.model_fields_set
    if given and "enabled" not in given:
        names = several(sorted(given))
        yield (
            f"{META_FILE}: workflow.parallel: {names}: of no effect without `enabled: true`: "
            "all inputs are the matter of one task."
        )


def output_refusal(meta: RecipeMeta) -> str | None:
    """Return why the recipe's output cannot go to its destination; None if it can."""
    if not policy_of(meta.output.type).to_node or (problem := missing_words(meta)) is None:
        return None
    return f"{META_FILE}: output.type: {meta.output.type} takes a data set, and the recipe {problem}"


def output_advice(meta: RecipeMeta) -> Iterator[str]:
    """Advise on what only matters before publication, or is rejected at submission with the same message.

    So it is not repeated at each run. Runs that publish a data set themselves give advice on its metadata.
    """
    if problem := output_refusal(meta):
        yield f"{problem} `run` and `submit` refuse the recipe."
    elif isinstance(meta.output, DataOneOutput) and meta.output.dataone_id:
        yield f"{META_FILE}: output.dataone_id: changes nothing: the package has an identifier of its own."
    elif isinstance(meta.output, PvcOutput) and meta.output.dataone_id:
        yield (
            f"{META_FILE}: output.dataone_id: the result is kept on the workflow volume (type: pvc); "
            "`ogdc-runner publish RUN --to dataone`, or `type: dataone`, makes a package of it, with an "
            "identifier of its own."
        )
    if not policy_of(meta.output.type).to_node:
        yield from metadata_advice(meta)


def _network_advice(
    script: Script, sign: tuple[Command, str] | None, *, file: str | None, wanted: bool | None
) -> Iterator[str]:
    """Advise on the first line that uses a network, and on all local addresses that lines name."""
    if sign is None:
        return
    command, word = sign
    where = f"{file}: line {command.line}: {shown(word)} takes a network"
    named = "".join(f", and {address}" for address in named_addresses(script.commands))
    reached = f"{where}, so the commands get one: public addresses by HTTP and HTTPS{named}."
    if wanted is False:
        yield f"{where}, and `workflow.network: false` gives commands none. Name inputs, or say `true`."
    elif wanted is None:
        yield f"{reached} Name as inputs what can be one; `workflow.network: true` or `false` settles it."
    elif named:
        yield reached
    if wanted is not False:
        yield from _unreached_advice(script, file)


def _unreached_advice(script: Script, file: str | None) -> Iterator[str]:
    for command, word in islice(unreached(script.commands), 1):
        yield (
            f"{file}: line {command.line}: {shown(word)} takes FTP or SSH, and on one machine commands "
            "get out by HTTP and HTTPS alone. Name a file of an FTP server as an input (`type: url`); have "
            "anything else there before the run."
        )


def _url_list_problems(path: str, file: str) -> Iterator[str]:
    empty = True
    try:
        for number, url in read_url_list(path):
            empty = False
            if problem := url_problem(url):
                yield f"{file}: line {number}: {shown(url)} {problem}"
    except UnusableFileError as exc:
        yield f"{file}: {exc}"
    if empty:
        yield f"{file}: holds no URL; write one a line."
