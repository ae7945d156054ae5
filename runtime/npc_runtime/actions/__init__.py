"""What a character does in the game: which actions are possible now, and whether one the model wrote may run."""
