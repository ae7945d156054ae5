"""What games speak: the messages of protocol v1."""
