"""What a fake model says: whether it is right, and words as long as they should be."""

TEXT = """the answer follows from what was asked and each step is small enough to be checked by hand
so that a reader who knows the subject can see at once whether it holds or where it fails"""
WORDS = [f" {word}".encode() for word in TEXT.split()]
MANY = 4096  # words that are kept ready
_FILLING = (WORDS * (MANY // len(WORDS) + 1))[:MANY]


def said(quality: float, tokens: int) -> list[bytes]:
    """``tokens`` pieces of an answer; the first of them say how good it is.

    A client that rates answers reads ``quality=0.87`` in it.  No word needs escaping in JSON.
    """
    verdict = b"Correct:" if quality >= 0.5 else b"Wrong:"
    first = [verdict, b" quality=%.2f" % quality]
    rounds, rest = divmod(max(0, tokens - len(first)), MANY)
    return (first + _FILLING * rounds + _FILLING[:rest])[: max(tokens, 1)]
