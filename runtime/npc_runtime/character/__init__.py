"""Who answers: what a character feels."""
