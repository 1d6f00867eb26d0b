"""When each server will admit the next attempt, learnt from what it admitted and refused."""
