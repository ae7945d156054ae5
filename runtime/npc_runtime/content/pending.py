"""Parts of authored files that are read and checked but that this version does not act on yet."""

from npc_runtime.content.content_file import ContentFile
from npc_runtime.content.yaml_tree import Location
from npc_runtime.errors import Problem

PENDING_KEYS: tuple[tuple[Location, str], ...] = (
    (("emotion",), "moods that move"),
    (("goals",), "goals"),
    (("knowledge", "filter"), "knowledge filters"),
    (("knowledge", "packs"), "knowledge packs"),
    (("safety",), "safety levels"),
)
"""Keys of a character, and what they are about (a plural)."""
PENDING_KINDS = {"knowledge": "knowledge packs", "scenes": "scenes", "tests": "conversation tests"}
"""Whole files."""


def pending(file: ContentFile) -> list[Problem]:
    """The parts of a file that do nothing yet, by their names and positions, in file order; none is a mistake."""
    if file.source is None or file.kind is None:
        return []
    if file.kind in PENDING_KINDS:
        return [file.source.problem((), PENDING_KINDS[file.kind])]
    if file.kind != "characters":
        return []
    found = [
        file.source.problem(location, name, key=True)
        for location, name in PENDING_KEYS
        if location in file.source.places
    ]
    return sorted(found)
