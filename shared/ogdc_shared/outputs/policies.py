"""The policy of each output type; no other code compares types.

The exceptions are two queries with literals repeated by an index (`runs.sql`), and the schema of meta.yml.
"""

from __future__ import annotations

from typing import NamedTuple

from ogdc_shared.outputs.output_type import OutputType


class OutputPolicy(NamedTuple):
    """What a type of output means."""

    is_exclusive: bool
    """Whether a recipe has one place for it, which one unfinished run at a time has, and where data are
    replaced only if that is asked for (`overwrite`)."""
    is_zip: bool
    """Whether `publish` makes one zip, stored with the run's artifacts, handed out by a link; else it shows
    a directory on the workflow volume, by a rename."""
    expires: bool
    """Whether it is removed when its days (OGDC_TEMPORARY_OUTPUT_DAYS) are over; until then the workflow is
    kept, else for a day."""

    to_node: bool = False
    """Whether `publish` sends it to the deployment's member node of DataONE as well."""

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
    """Tell what a type of output means.

    Raises:
        ValueError: there is no such type.
    """
    return _POLICIES[OutputType(output_type)]
