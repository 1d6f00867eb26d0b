"""Benchmarks against peers, printed as ratios.  ``make bench`` runs every module of this folder."""
