"""Parts of authored files that are read and checked but that this version does not act on yet."""

from collections.abc import Mapping

from npc_runtime.content.content_file import ContentFile, Kind
from npc_runtime.content.yaml_tree import Location
from npc_runtime.errors import Problem

PENDING: Mapping[Kind, Mapping[Location, str]] = {
    "scenes": {("triggers",): "scene triggers"},
}
"""Where such a part stands, and what it is about."""


def pending(file: ContentFile) -> list[Problem]:
    """The parts of a file that do nothing yet, by their names and positions, in file order; none is a mistake."""
    source = file.source
    if source is None or file.kind is None:
        return []
    parts = PENDING.get(file.kind, {})
    return sorted(source.problem(at, name, key=True) for at, name in parts.items() if at in source.places)
