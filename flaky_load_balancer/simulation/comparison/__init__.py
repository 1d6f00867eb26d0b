"""Comparisons in virtual time: the second driver, statistics, and the verdict."""
