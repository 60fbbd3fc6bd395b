"""How a run happens: planned, checked, carried out, taken back. Knows the core only."""
