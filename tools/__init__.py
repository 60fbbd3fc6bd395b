"""Tools for those who work on irkit: never shipped."""
