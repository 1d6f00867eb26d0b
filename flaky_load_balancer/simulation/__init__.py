"""Servers in arrays and on ports, the game in virtual time, and what can be learnt from it."""
