"""What irkit can do, as cases a responder can read and add."""
