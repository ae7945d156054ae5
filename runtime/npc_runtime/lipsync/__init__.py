"""Timed phones to mouth shapes, in the set that the game's face has; `visemes.visemes` is the way in."""
