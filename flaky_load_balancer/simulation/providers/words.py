"""What a fake model says: whether it is right, and words as long as they should be."""

TEXT = """the answer follows from what was asked and each step is small enough to be checked by hand
so that a reader who knows the subject can see at once whether it holds or where it fails"""
WORDS = TEXT.split()
MANY = 4096  # words that are kept ready
_FILLING = (WORDS * (MANY // len(WORDS) + 1))[:MANY]


def said(quality: float, tokens: int) -> list[str]:
    """``tokens`` pieces of an answer; the first of them say how good it is.

    A client that rates answers reads ``quality=0.87`` in it.
    """
    verdict = "Correct" if quality >= 0.5 else "Wrong"
    first = [f"{verdict}:", f" quality={quality:.2f}"]
    missing = max(0, tokens - len(first))
    rounds, rest = divmod(missing, MANY)
    filling = _FILLING * rounds + _FILLING[:rest]
    return (first + [f" {word}" for word in filling])[: max(tokens, 1)]
