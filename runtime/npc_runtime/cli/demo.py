"""`demo`: the main job without any configuration, on a bundled scene and a bundled line of player speech."""

from pathlib import Path

from npc_runtime.content.scenes import load_scene
from npc_runtime.resources import bundled
from npc_runtime.scene import Scene

CHARACTER = "brynja"
SEED = 18
"""So that everyone's first reply is the same, as far as their processor rounds alike."""


def player_line() -> Path:
    """The bundled line of player speech."""
    return bundled("assets", "audio", "player_line.flac")


def scene() -> Scene:
    """The smithy, with the things that the bundled line is about."""
    return load_scene(bundled("assets", "demo", "smithy.yaml"))
