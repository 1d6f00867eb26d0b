"""Where in a table the entries of a batch are."""

from flaky_load_balancer.core.types import Ints


def place(*index: Ints) -> tuple[Ints, ...] | tuple[int, ...]:
    """Indices of n entries; of one, as live, as plain numbers, which numpy finds faster."""
    return index if len(index[0]) != 1 else tuple([each.item() for each in index])
