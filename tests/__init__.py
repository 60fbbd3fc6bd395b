"""Tests of irkit: unit and law tests, and tests on the real engine of tests.lab."""
