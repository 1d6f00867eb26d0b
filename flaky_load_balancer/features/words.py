"""Words of a text as numbers, in a few numpy calls: what all features of texts are made from.

A word is a run of letters, digits, underscores and bytes above 127 (UTF-8), in lower case.  Its
hash is a polynomial of its bytes modulo 2^32, mixed: the same on every machine and in every
process.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from flaky_load_balancer.core.types import Bools, Floats, Ints

Hashes = NDArray[np.uint32]
LONGEST = 32_768  # bytes of a text that are looked at: enough for 5,000 words
LONGEST_WORD = 64  # bytes of a word that count
_MULTIPLIER = 0x01000193


def _lower() -> NDArray[np.uint8]:
    """What each byte is in a word; 0 where it ends one."""
    table = np.zeros(256, dtype=np.uint8)
    for kept in b"abcdefghijklmnopqrstuvwxyz0123456789_":
        table[kept] = kept
    table[65:91] = table[97:123]
    table[128:] = np.arange(128, 256)
    return table


_LOWER = _lower()
_POWERS = np.ones(LONGEST_WORD, dtype=np.uint32)
for _place in range(1, LONGEST_WORD):
    _POWERS[_place] = np.uint32((int(_POWERS[_place - 1]) * _MULTIPLIER) & 0xFFFFFFFF)


@dataclass(frozen=True, slots=True)
class Words:
    """A text's ``raw`` bytes (b,), its ``letters`` (b,) in lower case, 0 between words, and of its
    w words ``start`` (w,), ``length`` (w,) in bytes and ``hashes`` (w,).
    """

    raw: NDArray[np.uint8]
    letters: NDArray[np.uint8]
    start: Ints
    length: Ints
    hashes: Hashes

    @classmethod
    def of(cls, text: str) -> "Words":
        raw = np.frombuffer(text[:LONGEST].encode(errors="replace")[:LONGEST], dtype=np.uint8)
        letters = _LOWER.take(raw)
        edges = np.flatnonzero(np.diff(_inside(letters), prepend=False, append=False))
        start, end = edges[::2], edges[1::2]
        return cls(raw, letters, start, end - start, _hashes(letters, start, end - start))


def spelled(text: str) -> list[str]:
    """The words of a text, as texts."""
    words = Words.of(text)
    ends = (words.start + words.length).tolist()
    return [
        words.letters[start:end].tobytes().decode(errors="replace")
        for start, end in zip(words.start.tolist(), ends, strict=True)
    ]


def word_hash(word: str) -> int:
    """The hash of one word."""
    return int(Words.of(word).hashes[0])


def mixed(hashes: Hashes) -> Hashes:
    """Hashes whose low bits depend on all of theirs (the finaliser of MurmurHash3)."""
    h: Hashes = hashes ^ (hashes >> np.uint32(16))
    h *= np.uint32(0x85EBCA6B)
    h ^= h >> np.uint32(13)
    h *= np.uint32(0xC2B2AE35)
    h ^= h >> np.uint32(16)
    return h


def unit_hash(words: Words, size: int) -> Floats:
    """(size,) the signed hash of words, of length 1, or 0 where there is no word."""
    place = (words.hashes % np.uint32(size)).astype(np.intp)
    sign = 1.0 - 2.0 * (mixed(words.hashes) & np.uint32(1))
    total: Floats = np.bincount(place, sign, minlength=size).astype(float)
    length = np.sqrt(total @ total)
    unit: Floats = total / length if length else total
    return unit


def _inside(letters: NDArray[np.uint8]) -> Bools:
    inside: Bools = letters > 0
    return inside


def _hashes(letters: NDArray[np.uint8], start: Ints, length: Ints) -> Hashes:
    if not start.size:
        return np.empty(0, dtype=np.uint32)
    place = np.arange(len(letters)) - np.repeat(
        np.append(0, start), np.diff(np.concatenate([[0], start, [len(letters)]]))
    )
    terms = letters * _POWERS.take(np.minimum(place, LONGEST_WORD - 1))
    sums: Hashes = np.add.reduceat(terms, start, dtype=np.uint32)
    return mixed(sums + length.astype(np.uint32))
