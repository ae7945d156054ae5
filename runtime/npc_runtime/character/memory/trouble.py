"""Trouble with memory, in words for the person who plays."""

import sqlite3

from npc_runtime.errors import NpcError, OutputError


def readable(error: Exception) -> NpcError:
    """What went wrong, as the runtime tells it; one of its own errors stays as it is."""
    if isinstance(error, NpcError):
        return error
    if isinstance(error, sqlite3.Error | OSError):
        hint = "`npc-runtime doctor` shows where it is"
        return OutputError(f"The memory of the characters cannot be used now: {error}.", hint=hint, code="memory")
    return NpcError(f"Memory failed unexpectedly: {error!r}", code="internal")
