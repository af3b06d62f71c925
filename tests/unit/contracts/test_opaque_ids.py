"""Ids that somebody else gave out are kept as they were sent, and never share a key."""

from datetime import UTC, datetime, timedelta
from typing import Final
from unicodedata import category

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from contracts.values import OpaqueId, Slot

START: Final = datetime(2026, 1, 31, 12, tzinfo=UTC)
END: Final = START + timedelta(minutes=15)
OPAQUE: Final = TypeAdapter[str](OpaqueId)
KEPT: Final = (
    *("auth0|abc", "google-oauth2|1", "Renée", "Rene\u0301e", "o'brien", "a b", "a/b"),
    *("$where", "__proto__", "\U0001f9d1\u200d\U0001f680", "é" * 128),
)


@pytest.mark.parametrize("text", KEPT)
def test_it_is_kept_as_it_was_sent(text: str) -> None:
    assert OPAQUE.validate_python(text) == text
    assert Slot(resource_id=text, starts_at=START, ends_at=END).resource_id == text


def test_only_control_characters_and_space_at_the_ends_are_refused() -> None:
    def is_allowed(text: str) -> bool:
        try:
            return OPAQUE.validate_python(text) == text
        except ValidationError:
            return False

    for character in map(chr, (*range(0xD800), *range(0xE000, 0x10000), 0x1F9D1, 0x10FFFF)):
        is_control = category(character) == "Cc"
        assert is_allowed(f"a{character}b") is not is_control, ascii(character)
        is_space = not character.strip()
        assert is_allowed(character) is not (is_control or is_space), ascii(character)
        assert is_allowed(f"{character}a") is is_allowed(f"a{character}") is is_allowed(character)
    assert not is_allowed("a\ud800")


@given(st.sets(st.text(st.characters(exclude_categories=["Cs"]), max_size=8), min_size=2))
@example({"a/b", "a%2Fb", "a%252Fb"})
@example({"é", "e\u0301"})
def test_different_resources_never_share_a_key(resources: set[str]) -> None:
    slots = [Slot.model_construct(resource_id=x, starts_at=START, ends_at=END) for x in resources]
    keys = {key for slot in slots for key in slot.quanta()}
    assert len(keys) == len(resources)
    assert {key.count("/") for key in keys} == {1}


def test_the_key_of_a_resource_that_version_0_1_0_allowed_is_as_it_was() -> None:
    slot = Slot(resource_id="Az09._:@+-", starts_at=START, ends_at=END)
    assert slot.quanta() == ("Az09._:@+-/2026-01-31T12:00:00Z",)
