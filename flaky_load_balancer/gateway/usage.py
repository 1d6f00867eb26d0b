"""The tokens of an attempt, counted by the provider or estimated, and what they cost."""

from dataclasses import dataclass
from typing import Any

from flaky_load_balancer.config import Prices

BYTES_PER_TOKEN = 4  # of text, about: what an estimate is made from
MILLION = 1e6


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of the request and of the answer; ``cached`` are among those of the request."""

    input: int
    output: int
    cached: int = 0
    estimated: bool = False

    @property
    def total(self) -> int:
        return self.input + self.output

    def cost(self, prices: Prices | None) -> float:
        """Dollars."""
        if prices is None:
            return 0.0
        fresh = self.input - self.cached
        return (
            fresh * prices.input + self.cached * prices.cached + self.output * prices.output
        ) / MILLION


def counted(usage: Any) -> Usage | None:
    """The usage that an answer states, in the words of either API; None if it does not."""
    if not isinstance(usage, dict):
        return None
    asked = _whole(usage.get("prompt_tokens", usage.get("input_tokens")))
    if asked is None:
        return None
    answered = _whole(usage.get("completion_tokens", usage.get("output_tokens", 0))) or 0
    details = usage.get("prompt_tokens_details") or usage.get("input_tokens_details")
    cached = details.get("cached_tokens") if isinstance(details, dict) else None
    if cached is None:
        cached = usage.get("prompt_cache_hit_tokens")  # DeepSeek
    return Usage(asked, answered, min(_whole(cached) or 0, asked))


def tokens(size: int) -> int:
    """About how many tokens a text of so many bytes has."""
    return -(-size // BYTES_PER_TOKEN)


def _whole(value: Any) -> int | None:
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    return int(value) if 0 <= value < 2**53 else None
