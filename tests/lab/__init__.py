"""The lab: real container engines of its own, suspects to investigate in them, hosts to reach by SSH, and its removal.

Used by pytest, `make demo` and `make bench`. It drives the engine through the `docker` command line only, so that
nothing in here depends on the code under test.
"""
