"""The questions of the gateway's demonstration: four tasks, that the words tell apart."""

from random import Random

TASKS = {
    "code": "Debug this python function, number {}: its loop raises an exception.",
    "math": "Solve the equation {} x + 3 = 12 and calculate the ratio of both sides.",
    "translation": "Translate sentence {} into French: the house by the sea is large.",
    "writing": "Compose poem {}: a creative letter in the tone of a novel.",
}


def questions(count: int, seed: int) -> list[tuple[str, str]]:
    """(task, text) of so many different questions, in random order; the tasks are equally many."""
    tasks = [name for place in range(count) for name in [list(TASKS)[place % len(TASKS)]]]
    Random(seed).shuffle(tasks)
    return [(task, TASKS[task].format(number)) for number, task in enumerate(tasks, start=1)]
