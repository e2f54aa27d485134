"""Signed things: flipped, swapped, foreign and stale ones are worthless."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.errors import Forbidden
from service.web.signing import Signing, new_unit_id

NEW, OLD = "the-new-secret-key", "the-old-secret-key"


@given(position=st.integers(0, 200), flip=st.integers(1, 127))
def test_a_flipped_cookie_names_nobody(position: int, flip: int) -> None:
    signing = Signing((NEW,))
    cookie = signing.visitor_cookie("visitor-1")
    at = position % len(cookie)
    edited = cookie[:at] + chr(ord(cookie[at]) ^ flip) + cookie[at + 1 :]
    # The last character of base64 has bits that mean nothing: the signature is then the same.
    assert signing.visitor_of(edited) is None or at == len(cookie) - 1
    assert signing.visitor_of(edited) in {None, "visitor-1"}


@given(st.text())
def test_no_text_is_an_error(cookie: str) -> None:
    assert Signing((NEW,)).visitor_of(cookie) is None


def test_a_rotated_key_still_verifies_and_the_new_one_signs() -> None:
    before, after = Signing((OLD,)), Signing((NEW, OLD))
    assert after.visitor_of(before.visitor_cookie("visitor-1")) == "visitor-1"
    assert before.visitor_of(after.visitor_cookie("visitor-1")) is None
    assert after.page_unit(before.page_token("co_1", "visitor-1"), "co_1") == "visitor-1"


def test_a_token_for_one_purpose_is_worthless_for_another() -> None:
    signing = Signing((NEW,))
    preview = signing.preview_token("co_1", "visitor-1")
    with pytest.raises(Forbidden):
        signing.page_unit(preview, "co_1")
    assert not signing.is_analyst(preview)
    assert signing.visitor_of(preview) is None


def test_visitors_ids_are_minted_at_random() -> None:
    ids = {new_unit_id() for _ in range(1000)}
    assert len(ids) == 1000
    assert {len(unit_id) for unit_id in ids} == {22}
