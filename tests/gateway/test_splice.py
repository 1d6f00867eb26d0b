"""Members of JSON objects are changed, and no other byte is."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flaky_load_balancer.gateway import splice

VALUES = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=12,
)
KEYS = st.sampled_from(["model", "usage", "mod\u00e9l", 'a"b', "\\", "x"]) | st.text()


def written(draw: Any, document: Any) -> bytes:
    indent, ascii_ = draw(st.sampled_from([None, 1])), draw(st.booleans())
    return json.dumps(document, indent=indent, ensure_ascii=ascii_).encode("utf-8", "surrogatepass")


@given(st.data(), st.dictionaries(KEYS, VALUES))
def test_a_member_is_replaced_added_or_taken_out_whatever_else_there_is(
    data: Any, document: dict[str, Any]
) -> None:
    document.pop("new", None)
    text = written(data.draw, {**document, "model": "m"})
    members = {**document, "model": "m"}
    assert json.loads(splice.replaced(text, {"model": b"[1]"})) == {**members, "model": [1]}
    assert json.loads(splice.added(text, "new", b"2")) == {**members, "new": 2}
    members.pop("model")
    assert json.loads(splice.without(text, "model")) == members


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (b'{"model":"a","x":1.000000000000000000001}', b'{"model":N,"x":1.000000000000000000001}'),
        (b'{ "b" : {"model": 1}, "model" :"a" }', b'{ "b" : {"model": 1}, "model" :N }'),
        (b'{"model":"a","model":"b"}', b'{"model":N,"model":N}'),
        (b'{"mod\\u0065l":"a","y":"model"}', b'{"mod\\u0065l":N,"y":"model"}'),
        (b'{"x":"\\"model\\":1","model":null}', b'{"x":"\\"model\\":1","model":N}'),
    ],
)
def test_other_bytes_stay_and_doubled_or_escaped_keys_are_found(text: bytes, found: bytes) -> None:
    assert splice.replaced(text, {"model": b"N"}) == found


def test_commas_go_with_their_member() -> None:
    assert splice.without(b'{"usage": null}', "usage") == b"{}"
    assert splice.without(b'{"a":1, "usage": null}', "usage") == b'{"a":1}'
    assert splice.without(b'{"usage":null,"a":1}', "usage") == b'{"a":1}'
    assert splice.added(b"{}", "a", b"1") == b'{"a":1}'


def test_a_megabyte_takes_no_more_than_a_look() -> None:
    text = json.dumps({"messages": [{"x": "{[" * 9}] * 50_000, "model": "m", "y": "\u00e9"})
    assert json.loads(splice.replaced(text.encode(), {"model": b"1"}))["model"] == 1
