"""The terminal interface: screens on top of what `app` offers. It reads no host and writes no evidence by itself."""
