"""Published and independently measured numbers, reproduced: ``python -m benchmarks.reproduction``.

Our own strategies play the problems of the literature; a number that is off by more than chance
allows is a defect of ours, or worth knowing.
"""
