from __future__ import annotations

import pytest

from ogdc_shared.recipe.quantities import cpu, seconds, size


@pytest.mark.parametrize(
    ("value", "expected"), [(2, "2"), (0.5, "0.5"), ("500m", "500m"), (" 4 ", "4"), ("1.250", "1.250")]
)
def test_cpu_is_cores_or_thousandths(value: object, expected: str) -> None:
    assert cpu(value) == expected


@pytest.mark.parametrize(
    "value",
    [0, "0", "0m", -1, "2 cores", "1e3", 1e-7, float("inf"), float("nan"), True, None, [], "", "1.2m", "٣"],
)
def test_invalid_cpu_amounts_are_rejected(value: object) -> None:
    with pytest.raises(ValueError, match="is not an amount of CPU"):
        cpu(value)


@pytest.mark.parametrize(
    ("value", "expected"),
    [("512Mi", "512Mi"), ("1.5G", "1.5G"), (2**30, "1073741824"), ("2Ti", "2Ti"), ("2000k", "2000k")],
)
def test_a_size_is_bytes_with_a_unit(value: object, expected: str) -> None:
    assert size(value) == expected


@pytest.mark.parametrize(
    ("value", "advice"),
    [
        ("4GB", "did you mean 4Gi?"),
        ("4 gb", "did you mean 4Gi?"),
        ("1.5tb", "did you mean 1.5Ti?"),
        ("500m", "did you mean 500Mi?"),
        ("lots", "such as 512Mi or 2Gi."),
        (True, "such as 512Mi or 2Gi."),
        ({}, "such as 512Mi or 2Gi."),
        ("-1Gi", "such as 512Mi or 2Gi."),
        (4, "add the unit, such as 4Gi."),
        ("0Gi", "too little"),
        ("1000k", "too little"),
    ],
)
def test_invalid_sizes_are_rejected_with_a_suggestion(value: object, advice: str) -> None:
    with pytest.raises(ValueError, match=r"is not an amount of bytes|is less than 1Mi") as raised:
        size(value)
    assert advice in str(raised.value)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1, 1),
        ("90", 90),
        ("90s", 90),
        ("15m", 900),
        ("2h", 7200),
        ("1d", 86400),
        ("1d2h3m4s", 93784),
        ("1h30m", 5400),
    ],
)
def test_a_length_of_time_is_seconds_or_has_units(value: object, expected: int) -> None:
    assert seconds(value) == expected


@pytest.mark.parametrize(
    "value",
    ["", "h", "1.5h", 1.5, "2 h", "-1", "30m1h", "1w", True, None, [], "1" * 100, "367d", 0, "0h", 10**12],
)
def test_invalid_durations_are_rejected(value: object) -> None:
    with pytest.raises(
        ValueError, match=r"is not a length of time|give at least 1 second and at most 366 days"
    ):
        seconds(value)
