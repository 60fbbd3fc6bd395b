"""Which way of containing works on what: `python -m tests.containment` tries all and writes docs/containment.json.

Each cell is a container of a kind, in a state, contained by one action on the real engine and taken back, with its
traffic measured before, contained and undone. `test_containment.py` tries a part of the cells in the ordinary suite.
"""
