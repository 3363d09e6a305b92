"""A rehearsal of a whole brain: what detection, cuboids and classification take on this machine."""
