"""The form decoder undoes what the SDK's encoder does."""

from typing import Any
from urllib.parse import parse_qsl, urlencode

import pytest
import stripe
from hypothesis import given
from hypothesis import strategies as st
from stripe._encode import _api_encode

from service.payments.simulator.errors import ApiError
from service.payments.simulator.forms import decode

pytestmark = pytest.mark.stripe

# Stripe refuses square brackets in names; surrogates are no text.
NAMES = st.text(
    st.characters(exclude_characters="[]", exclude_categories=["Cs"]), min_size=1, max_size=8
)
LEAVES = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=12), st.integers(), st.booleans()
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        # The SDK writes truth in lists as Python does ("False"); no list of Stripe's holds any.
        st.lists(inner.filter(lambda v: not isinstance(v, bool)), min_size=1, max_size=3),
        st.dictionaries(NAMES, inner, min_size=1, max_size=3),
    ),
    max_leaves=8,
).filter(lambda value: depth(value) < 8)
FORMS = st.dictionaries(NAMES, VALUES, max_size=5)


def depth(value: Any) -> int:
    if isinstance(value, list):
        return 1 + max(depth(member) for member in value)
    if isinstance(value, dict):
        return 1 + max(depth(member) for member in value.values())
    return 0


def texts(value: Any) -> Any:
    """The form a decoder can know: everything text, lists by their index."""
    if isinstance(value, list):
        return {str(index): texts(member) for index, member in enumerate(value)}
    if isinstance(value, dict):
        return {name: texts(member) for name, member in value.items()}
    return str(value).lower() if isinstance(value, bool) else str(value)


@given(FORMS)
def test_decoding_undoes_the_sdks_encoding(form: dict[str, Any]) -> None:
    encoded = urlencode(list(_api_encode(form)))
    assert decode(encoded) == texts(form)
    assert decode(encoded.encode()) == texts(form)


@given(st.binary(max_size=60))
def test_any_bytes_decode_or_are_refused(noise: bytes) -> None:
    try:
        decoded = decode(noise)
    except ApiError:
        return
    assert len(decoded) <= len(parse_qsl(noise.decode(), keep_blank_values=True))


@pytest.mark.parametrize(
    ("encoded", "decoded"),
    [
        ("a[]=1&a[]=2", {"a": {"0": "1", "1": "2"}}),
        ("a[b][0][c]=1", {"a": {"b": {"0": {"c": "1"}}}}),
        ("a=&b", {"a": "", "b": ""}),
        ("name=Ren%C3%A9e+O", {"name": "Renée O"}),
    ],
)
def test_the_notation_means(encoded: str, decoded: dict[str, Any]) -> None:
    assert decode(encoded) == decoded


@pytest.mark.parametrize(
    "encoded",
    [
        "a=1&a[b]=2",
        "a[b]=2&a=1",
        "a[b=1",
        "[a]=1",
        "a]b=1",
        "=1",
        "a%FF=1",
        "a=%FF",
        "a" + "[b]" * 10 + "=1",
        "&".join(f"k{n}=1" for n in range(1001)),
    ],
)
def test_a_form_that_contradicts_itself_is_refused(encoded: str) -> None:
    with pytest.raises(ApiError) as caught:
        decode(encoded)
    assert caught.value.status == 400


def test_the_encoder_checked_against_is_the_pinned_one() -> None:
    assert stripe.VERSION.startswith("16.")
