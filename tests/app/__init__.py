"""The wiring, on hosts in memory."""
