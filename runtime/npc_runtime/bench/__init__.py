"""The benchmark: a game that talks to the real server as a player does, and measures what the player would feel."""
