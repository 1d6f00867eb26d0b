"""The record of scores: docs/results.md with its plots and numbers, made by `make results`."""
