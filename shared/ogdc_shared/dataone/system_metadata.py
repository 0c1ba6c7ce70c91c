"""The system metadata of an object: what a member node has to know to keep and hand it out.

Source: DataONE Types v2.0, SystemMetadata; the order of its elements is fixed.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple
from xml.etree import ElementTree

from ogdc_shared.dataone.xml_text import add, add_given, document

if TYPE_CHECKING:
    from ogdc_shared.dataone.member import Member

NAMESPACE = "http://ns.dataone.org/service/types/v2.0"
PUBLIC = "public"
"""The subject that everybody is."""


class Rights(NamedTuple):
    """Whose an object is, and who else may do what."""

    holder: str
    """A subject; of people, `http://orcid.org/` and their iD."""
    is_public: bool
    writers: tuple[str, ...] = ()
    """Subjects that may change it, in addition to the rights holder."""


def orcid_subject(orcid: str) -> str:
    """The subject that DataONE knows a person by: it has no s in http."""
    return f"http://orcid.org/{orcid}"


def system_metadata(member: Member, rights: Rights, *, series: str | None = None) -> bytes:
    """Return the system metadata of an object that is not on a node yet.

    Args:
        member: The object.
        rights: Owner and access.
        series: Identifier of the series of versions, or None.
    """
    ElementTree.register_namespace("d1", NAMESPACE)
    root = ElementTree.Element(f"{{{NAMESPACE}}}systemMetadata")
    add(root, "identifier", member.pid)
    add(root, "formatId", member.format_id)
    add(root, "size", member.size)
    add(root, "checksum", member.sha256, algorithm="SHA-256")
    add(root, "rightsHolder", rights.holder)
    _add_access(root, rights)
    add(root, "replicationPolicy", replicationAllowed="false", numberReplicas="0")
    add_given(root, seriesId=series, fileName=member.path)
    return document(root)


def _add_access(root: ElementTree.Element, rights: Rights) -> None:
    """Add the access policy, which has to have a rule if it is there."""
    rules: list[tuple[str, tuple[str, ...]]] = [(PUBLIC, ("read",))] if rights.is_public else []
    rules += [(subject, ("read", "write", "changePermission")) for subject in rights.writers]
    if rules:
        policy = add(root, "accessPolicy")
        for subject, permissions in rules:
            _add_rule(policy, subject, permissions)


def _add_rule(policy: ElementTree.Element, subject: str, permissions: Iterable[str]) -> None:
    rule = add(policy, "allow")
    add(rule, "subject", subject)
    for permission in permissions:
        add(rule, "permission", permission)
