"""``signal`` without its enumerations, which take longer to import than all of the warden."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal as signals
else:
    import _signal as signals

__all__ = ["signals"]
