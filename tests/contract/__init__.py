"""What every target keeps to, in memory or real."""
