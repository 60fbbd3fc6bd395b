"""Tests of irkit.engine."""
