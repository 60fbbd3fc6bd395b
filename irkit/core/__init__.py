"""What things are: values and rules. No I/O, no clock, no randomness."""
