"""Reading a scene file."""

from collections.abc import Iterable
from pathlib import Path

from npc_runtime.content.content_file import paths_of, read
from npc_runtime.content.conversation import ConversationTest
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


def scene_of(test: ConversationTest, roots: Iterable[Path]) -> Scene | None:
    """The scene in which a conversation is held, an empty one by default.

    Args:
        test: The conversation.
        roots: The content folders in which a scene file may be, the one with the highest priority first.

    Returns:
        The scene; None if it names a file that is nowhere.

    Raises:
        ContentError: The file of the scene has mistakes.
    """
    if test.scene is None:
        return Scene()
    if not isinstance(test.scene, str):
        return test.scene.scene()
    path = scenes_in(roots).get(test.scene)
    return None if path is None else load_scene(path)


def scenes_in(roots: Iterable[Path]) -> dict[str, Path]:
    """The scene files of content folders by id, the first folder winning."""
    found: dict[str, Path] = {}
    for root in roots:
        for path in paths_of(root, "scenes"):
            found.setdefault(path.stem, path)
    return found
