"""Authored files in: YAML with positions, checked against models, found in content folders."""
