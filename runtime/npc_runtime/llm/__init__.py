"""Thinking: prompt, tag grammar, stream parser, and one module per backend."""
