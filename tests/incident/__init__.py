"""A seeded incident, and what finds what of it: `python -m tests.incident` runs it whole and writes docs/recall.json.

`seeds` makes it in the lab, `items` says how each thing that was seeded is told to be found, in what irkit collected
(`contents`) and in what the engine's own commands give (`peers`). `test_incident.py` does the same at smaller sizes.
"""
