import subprocess
import sys

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from flaky_load_balancer.features.words import Words, unit_hash, word_hash


def test_words_are_runs_of_letters_digits_and_bytes_above_127() -> None:
    text = "Hello, WORLD! x2  naïve\nend"
    words = Words.of(text)
    raw = words.letters.tobytes()
    found = [raw[a : a + n].decode() for a, n in zip(words.start, words.length, strict=True)]
    assert found == ["hello", "world", "x2", "naïve", "end"]


def test_a_word_has_one_hash_wherever_it_stands_and_however_it_is_written() -> None:
    words = Words.of("Return of the return; RETURN")
    assert words.hashes[0] == words.hashes[3] == words.hashes[4] == word_hash("return")
    assert len(set(words.hashes.tolist())) == 3


def test_hashes_are_the_same_in_another_process() -> None:
    code = "from flaky_load_balancer.features.words import word_hash; print(word_hash('regex'))"
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout
    assert int(printed) == word_hash("regex")


@given(st.text(max_size=300))
def test_any_text_has_words_of_some_length(text: str) -> None:
    words = Words.of(text)
    assert len(words.start) == len(words.length) == len(words.hashes)
    assert (words.length > 0).all()
    assert np.isfinite(unit_hash(words, 16)).all()


def test_a_signed_hash_has_length_one_and_tells_texts_apart() -> None:
    one, other = (unit_hash(Words.of(t), 64) for t in ("solve the equation", "write me a poem"))
    assert abs(one @ one - 1) < 1e-12
    assert abs(one @ other) < 0.7
    assert not unit_hash(Words.of("..."), 64).any()
