"""Flaky servers: how they fail and refuse, in arrays for the simulator and on real ports."""
