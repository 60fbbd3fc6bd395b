"""What things are: values and rules."""
