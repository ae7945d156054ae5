"""Reading a scene file."""

from pathlib import Path

from npc_runtime.content.content_file import read
from npc_runtime.content.scene_file import SceneFile
from npc_runtime.errors import ContentError
from npc_runtime.scene import Scene


def load_scene(path: Path) -> Scene:
    """The scene that a file describes, as a game would send it.

    Raises:
        ContentError: The file cannot be read or has mistakes.
    """
    file = read(path, "scenes")
    if not isinstance(file.model, SceneFile):
        raise ContentError(file.problems)
    return file.model.scene()
