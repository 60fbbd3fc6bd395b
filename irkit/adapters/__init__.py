"""Where the world is: each module implements a port of the core."""
