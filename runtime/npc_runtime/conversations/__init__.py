"""Conversations that authors check: played with the real model, judged turn by turn, and told in a table."""
