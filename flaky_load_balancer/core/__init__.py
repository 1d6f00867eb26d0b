"""The rules of the game and the interface of strategies: no I/O, no clock, no chance of its own."""
