from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ogdc_shared.shortening import shortened


@given(text=st.text(max_size=30), characters=st.integers(1, 20))
def test_a_text_fits_and_begins_as_it_did(text: str, characters: int) -> None:
    short = shortened(text, characters)

    assert len(short) <= characters
    assert short == text or text.startswith(short.removesuffix("…"))
    assert (short == text) == (len(text) <= characters)
