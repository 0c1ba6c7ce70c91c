"""The policy of each output type; no other code compares types.

The exceptions are two queries with literals repeated by an index (`runs.sql`), the schema of meta.yml, and
advice on a recipe's metadata (`recipe.recipe`).
"""

from __future__ import annotations

from typing import NamedTuple

from ogdc_shared.outputs.output_type import OutputType


class OutputPolicy(NamedTuple):
    """How outputs of a type are stored, published and expired."""

    is_exclusive: bool
    """Whether a recipe has a single place for it, which only one unfinished run at a time may use, and where
    data are replaced only on request (`overwrite`)."""
    is_zip: bool
    """Whether `publish` makes one zip, stored with the run's artifacts and offered by a link; otherwise it
    moves a directory into place on the workflow volume."""
    expires: bool
    """Whether it is deleted after OGDC_TEMPORARY_OUTPUT_DAYS days; until then the workflow is kept,
    otherwise for a day."""

    to_node: bool = False
    """Whether `publish` also sends it to the deployment's DataONE member node."""

    def days_kept(self, of_expiring: int) -> int:
        """Days that the workflow of a run that succeeded is kept; `of_expiring` are those of what expires."""
        return of_expiring if self.expires else 1


_POLICIES = {
    OutputType.PVC: OutputPolicy(is_exclusive=True, is_zip=False, expires=False),
    OutputType.TEMPORARY: OutputPolicy(is_exclusive=False, is_zip=True, expires=True),
    OutputType.DATAONE: OutputPolicy(is_exclusive=True, is_zip=False, expires=False, to_node=True),
}
EXCLUSIVE = tuple(kind for kind, policy in _POLICIES.items() if policy.is_exclusive)
EXPIRING = tuple(kind for kind, policy in _POLICIES.items() if policy.expires)


def policy_of(output_type: str) -> OutputPolicy:
    """Return the policy for a type of output.

    Raises:
        ValueError: the type is unknown.
    """
    return _POLICIES[OutputType(output_type)]
