"""Model files: where they are, under what licence, whether each is the right file, and whether it fits this machine."""
