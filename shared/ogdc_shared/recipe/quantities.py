"""Kubernetes quantities and durations, as written in a recipe.

Each function takes a value as parsed from YAML and returns it in canonical form, or raises ValueError with a
predicate (a sentence without its subject), which pydantic's validators expect.
"""

from __future__ import annotations

import re

CPU_PATTERN = r"^([0-9]{1,6}(\.[0-9]{1,3})?|[0-9]{1,9}m)$"
BYTES_PATTERN = r"^[0-9]{1,15}(\.[0-9]{1,3})?(k|M|G|T|Ki|Mi|Gi|Ti)?$"
DURATION_PATTERN = r"^([0-9]{1,9}d)?([0-9]{1,9}h)?([0-9]{1,9}m)?([0-9]{1,9}s?)?$"

MAX_SECONDS = 366 * 86400

_MIN_BYTES = 1024 * 1024
_FACTORS = {"k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40}
_SECONDS = {"d": 86400, "h": 3600, "m": 60, "s": 1, "": 1}


def cpu(value: object) -> str:
    """Parse an amount of CPU: cores (2, 0.5) or thousandths of one (500m).

    Source: kubernetes.io, "Resource Management for Pods and Containers", section "Resource units in
    Kubernetes".

    Raises:
        ValueError: it is none; the message is a predicate, with the value as subject.
    """
    text = _text(value)
    if not re.fullmatch(CPU_PATTERN, text) or not float(text.rstrip("m")):
        raise ValueError(
            "is not an amount of CPU; give a number of cores such as 2 or 0.5, or thousandths such as 500m."
        )
    return text


def size(value: object) -> str:
    """Parse an amount of memory or disk: bytes with a unit (512Mi, 2Gi, 1.5G).

    Source: as `cpu`.

    Raises:
        ValueError: as for `cpu`, or it is less than 1Mi.
    """
    text = _text(value)
    if _bytes(text) < _MIN_BYTES:
        number = text.rstrip("kMGTi")
        raise ValueError(f"is less than 1Mi, too little to run anything; add the unit, such as {number}Gi.")
    return text


def amount(value: object) -> int:
    """Parse an amount of data, written as for `size`, to bytes.

    Raises:
        ValueError: as for `cpu`, or it is less than one byte.
    """
    total = _bytes(_text(value))
    if total < 1:
        raise ValueError("is less than one byte; give more, such as 512Mi or 2Gi.")
    return int(total)


def seconds(value: object) -> int:
    """Parse a duration: seconds (3600), or days, hours, minutes and seconds in that order (1h30m).

    Raises:
        ValueError: as for `cpu`, or it is not between 1 second and 366 days.
    """
    text = _text(value)
    if not text or not re.fullmatch(DURATION_PATTERN, text):
        raise ValueError(
            "is not a length of time; give whole seconds, or days, hours and minutes such as 90m or 1d12h."
        )
    total = sum(int(number) * _SECONDS[unit] for number, unit in re.findall(r"([0-9]+)([dhms]?)", text))
    if not 1 <= total <= MAX_SECONDS:
        raise ValueError(f"is {total:,} seconds; give at least 1 second and at most 366 days.")
    return total


def _bytes(text: str) -> float:
    if not re.fullmatch(BYTES_PATTERN, text):
        meant = re.sub(r"(?i)^([0-9.]+) ?([kmgt])i?b?$", lambda m: f"{m[1]}{m[2].upper()}i", text)
        example = f"did you mean {meant}?" if re.fullmatch(BYTES_PATTERN, meant) else "such as 512Mi or 2Gi."
        raise ValueError(f"is not an amount of bytes; give a number and one of Mi, Gi, Ti: {example}")
    number = text.rstrip("kMGTi")
    return float(number) * _FACTORS.get(text[len(number) :], 1)


def _text(value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return ""
    return str(value).strip()
