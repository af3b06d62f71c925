"""What a body is announced as, and what it says, is taken by its word or refused by name."""

import pytest

from postbox.service import Problem, expect_json, parse_json

PLAIN = {"content-type": "application/json"}


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json",
        "Application/JSON ; charset=UTF-8",
        'application/json;charset="utf-8"',
        "application/json; profile=x",
    ],
)
def test_json_in_utf_8_is_taken(content_type: str) -> None:
    expect_json({"content-type": content_type, "content-encoding": "identity"})


@pytest.mark.parametrize(
    ("headers", "field", "words"),
    [
        ({}, "Content-Type", "application/json"),
        ({"content-type": "text/plain"}, "Content-Type", "application/json"),
        ({"content-type": "application/json; charset=iso-8859-1"}, "Content-Type", "UTF-8"),
        ({**PLAIN, "content-encoding": "gzip"}, "Content-Encoding", "gzip"),
        ({**PLAIN, "content-encoding": "br"}, "Content-Encoding", "br"),
    ],
)
def test_anything_else_says_what_to_send(headers: dict[str, str], field: str, words: str) -> None:
    with pytest.raises(Problem) as refused:
        expect_json(headers)
    assert refused.value.status == 415
    assert refused.value.body["field"] == field
    assert words in str(refused.value.body)


@pytest.mark.parametrize(
    "body",
    [
        b'{"amount": 1, "amount": 2}',
        b'{"slot": {"amount": 1, "amount": 1}}',
        b'{"list": [{"amount": 1, "amount": 1}]}',
        b'{"amount": 1, "\\u0061mount": 2}',
    ],
)
def test_a_key_that_stands_twice_is_named(body: bytes) -> None:
    with pytest.raises(Problem) as refused:
        parse_json(body)
    assert refused.value.status == 400
    assert refused.value.body["field"] == "amount"


def test_the_same_key_in_two_objects_is_no_repeat() -> None:
    assert parse_json(b'{"a": {"x": 1}, "b": {"x": 2}, "x": 3}')["x"] == 3
