"""Which engines irkit works with: `python -m tests.engines` tries what can be had and writes docs/engines.json.

Not part of `make test`: it fetches whole systems. What is in the json is shown by docs/engines.md, and a test of the
ordinary suite sees to it that the page tells the same.
"""
