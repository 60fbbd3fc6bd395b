"""What the tabs of a container's screen show, one file each."""
