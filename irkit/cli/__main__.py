"""`python -m irkit.cli`."""

from irkit.cli import main

main()
