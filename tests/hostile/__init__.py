"""Bad input of every kind: what comes out is a plain message with its place, and never a traceback."""
