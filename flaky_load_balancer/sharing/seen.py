"""Which facts of a sender were seen: each is taken once, whatever comes twice, late or never."""

GAPS = 64  # that are remembered; what is missing in older ones stays missing


class Seen:
    """The facts of one sender below ``next``, but for those in ``gaps``."""

    def __init__(self, following: int | None = None) -> None:
        self.next = following  # None: nothing of it was heard yet
        self.gaps: list[tuple[int, int]] = []  # (first, end) of what was missed, so far

    @property
    def missing(self) -> int:
        """How many facts were missed, of those that are remembered."""
        return sum(end - first for first, end in self.gaps)

    def take(self, first: int, end: int) -> list[tuple[int, int]]:
        """The parts of the facts ``first`` to ``end`` (excluded) that are new; now they are not."""
        if self.next is None:
            self.next = first  # what was before we came is no loss
        new = self._late(first, end) if first < self.next else []
        if end >= self.next:
            if first > self.next:
                self.gaps = [*self.gaps, (self.next, first)][-GAPS:]
            new.append((max(first, self.next), end))
            self.next = end
        return [(start, stop) for start, stop in new if start < stop]

    def _late(self, first: int, end: int) -> list[tuple[int, int]]:
        """The parts that were missed before, and come now."""
        found: list[tuple[int, int]] = []
        left: list[tuple[int, int]] = []
        for start, stop in self.gaps:
            low, high = max(start, first), min(stop, end)
            if low < high:
                found.append((low, high))
                left += [(start, low), (high, stop)]
            else:
                left.append((start, stop))
        self.gaps = [(start, stop) for start, stop in left if start < stop]
        return found
