"""What characters may know: `knowledge/*.yaml`."""

from pydantic import Field

from npc_runtime.content.fields import Authored, AuthoredFile, Items, OneOrMany, Prose, Tag


class Fact(Authored):
    """One thing that can be known."""

    text: Prose
    tags: OneOrMany[Tag] = ()
    known_by: OneOrMany[Tag] = ()
    """Characters or tags; everyone who has the pack if it is empty."""
    secret: bool = False
    """Whether those who know it keep it to themselves."""


class KnowledgeFile(AuthoredFile):
    """`knowledge/*.yaml`."""

    facts: Items[Fact] = Field(min_length=1)
