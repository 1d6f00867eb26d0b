"""Members of a JSON object, changed without touching any other byte of it.

What was sent keeps its numbers to the last digit, its order and its spaces.  The text is known to
be JSON (it was parsed), so that the patterns here need not check it.  They never go back over what
they have matched (possessive quantifiers): the time is linear in the length.
"""

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import orjson

_STRING = rb'"(?:[^"\\]++|\\.)*+"'
_KEY = re.compile(rb"\s*+(" + _STRING + rb")\s*+:\s*+", re.DOTALL)
_SCALAR = re.compile(_STRING + rb'|[^\s,{}\[\]"]++', re.DOTALL)
_TO_BRACKET = re.compile(rb'(?:[^"{}\[\]]++|' + _STRING + rb")*+([{}\[\]])", re.DOTALL)
_ESCAPED = re.compile(rb"\\u00[2-7]")  # printable ASCII, as nobody has to write it
_COLON = re.compile(rb"\s*+:\s*+")
_COMMA = re.compile(rb"\s*+,?")


class Member(NamedTuple):
    """A key and its value in an object's text."""

    key: str
    start: int  # of the key
    value: int  # where the value begins
    end: int  # and where it ends


def members(text: bytes) -> Iterator[Member]:
    """The members of the object that the text is, in order, doubled ones too."""
    at = text.index(b"{") + 1
    while key := _KEY.match(text, at):
        end = _end(text, key.end())
        yield Member(orjson.loads(key[1]), key.start(1), key.end(), end)
        comma = _COMMA.match(text, end)
        assert comma is not None
        at = comma.end()


def found(text: bytes, keys: frozenset[str]) -> list[Member]:
    """The members with these keys, of an object that has at least one of each."""
    quick = [_only(text, key) for key in keys]
    if None not in quick:
        return sorted((each for each in quick if each is not None), key=lambda each: each.start)
    return [member for member in members(text) if member.key in keys]


def replaced(text: bytes, values: Mapping[str, bytes]) -> bytes:
    """The object with other values for members that it has."""
    pieces: list[bytes | memoryview] = []
    at, view = 0, memoryview(text)  # of which slices are no copies
    for member in found(text, frozenset(values)):
        pieces += [view[at : member.value], values[member.key]]
        at = member.end
    return b"".join([*pieces, view[at:]])


def added(text: bytes, key: str, value: bytes) -> bytes:
    """The object with one more member, its first."""
    at = text.index(b"{") + 1
    comma = b"" if _KEY.match(text, at) is None else b","
    return b"".join([text[:at], b'"%b":%b%b' % (key.encode(), value, comma), memoryview(text)[at:]])


def without(text: bytes, key: str) -> bytes:
    """The object without a member that it has, and without its comma."""
    for member in reversed(found(text, frozenset({key}))):
        before, after = text[: member.start], text[member.end :]
        rest = after.lstrip()
        if rest.startswith(b","):
            after = rest[1:]
        else:
            before = before.rstrip().removesuffix(b",")
        text = before + after
    return text


def _only(text: bytes, key: str) -> Member | None:
    """The member, where these letters in quotes are there once: in most texts.

    A quote within a string has a backslash before it, so they are a whole string; and where no
    letter of a key is written as ``\\u00..``, no other string can be the same key.
    """
    quoted = b'"%b"' % key.encode()
    if text.count(quoted) != 1 or (b"\\" in text and _ESCAPED.search(text)):
        return None
    start = text.index(quoted)
    colon = _COLON.match(text, start + len(quoted))
    if colon is None:
        return None
    return Member(key, start, colon.end(), _end(text, colon.end()))


def _end(text: bytes, at: int) -> int:
    """Where the value ends that begins here."""
    if text[at] not in b"{[":
        scalar = _SCALAR.match(text, at)
        assert scalar is not None
        return scalar.end()
    depth = 0
    while bracket := _TO_BRACKET.match(text, at):
        at = bracket.end()
        depth += 1 if bracket[1] in b"{[" else -1
        if not depth:
            break
    return at
