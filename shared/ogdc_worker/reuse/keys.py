"""Keys of results: digests of everything that made them.

The first digest covers what the commands start with: the recipe apart from its lines (see
`ogdc_shared.runs.reuse`), the programs and the inputs. Each command's digest is computed from the previous
one and the command. So the result of the fourth command has the same key whatever the fifth one is.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from ogdc_shared.digests import digest
from ogdc_worker.reuse.programs import Programs

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from ogdc_shared.plan import Plan

FORMAT = 2
"""Version of all kept results. Increase it when the same commands and inputs would give other results or
other warnings: a reused result has those of the run that made it."""


class Keys:
    """The keys of a plan's results, given its inputs."""

    def __init__(self, plan: Plan, environ: Mapping[str, str]) -> None:
        """Inspect the programs in their current state.

        Args:
            plan: Defines which results may be reused.
            environ: The task's environment.
        """
        assert plan.reuse is not None
        self._programs = Programs(environ)
        self._programs.look()
        self._lines = [line.text for line in plan.commands[: plan.reuse.commands]]
        self._own = [self._programs.own_digest()] if plan.own else []
        self._begin = [FORMAT, plan.reuse.base, self._programs.all_digest(), *self._own]
        self._commands = self._named()

    @property
    def moment(self) -> str:
        """The digest by which another task can tell whether a program was changed since (see `Programs`).

        It is empty if no other task can: those of an image are other files elsewhere, and programs of this
        distribution are more than what it stands for.
        """
        return "" if self._own else self._programs.moment()

    def _named(self) -> list[tuple[str, str]]:
        return [(line, self._programs.named_digest(line)) for line in self._lines]

    def hold(self, *, named_only: bool) -> bool:
        """Whether the programs are still as they were looked at.

        Args:
            named_only: Look at what the commands name only, because the others are looked at later.
        """
        if self._own and self._own != [self._programs.own_digest()]:
            return False
        return (named_only or self._programs.are_unchanged()) and self._named() == self._commands

    def of(self, inputs: Iterable[Sequence[str | int]]) -> list[str]:
        """Return the key of each command's result, for commands with reusable results.

        Args:
            inputs: The keys of the inputs (see `inputs`), in any order.
        """
        known = sorted(json.dumps(list(each)) for each in inputs)
        key, found = digest(json.dumps([*self._begin, known]).encode()), []
        for command in self._commands:
            key = digest(json.dumps([key, *command]).encode())
            found.append(key)
        return found
