"""Reciting: what a character says whose language the language model does not know: what somebody has written in it."""

from npc_runtime import events
from npc_runtime.cast import Cast
from npc_runtime.character.asking import asks, asks_who, greets
from npc_runtime.character.barks import greetings, remarks, unanswered, while_acting
from npc_runtime.content.told import speaks, told
from npc_runtime.delivery import Delivery
from npc_runtime.llm.prompt import relevant_facts
from npc_runtime.outbox import Outbox
from npc_runtime.thinking import Mindset

_LATELY = 3
"""Lines of the character within which it does not tell the same fact again."""
_HINT = (
    "start a model server with a capable model, such as Ollama, or name a service in `llm.provider`, or a larger model "
    "in `llm.model`: `npc-runtime models fit` shows which run here"
)


class Reciting:
    """Stands in for `Improvisation` where nobody can improvise: broken sentences are worse than few.

    Args:
        number: Of the turn.
        cast: Who takes part.
        delivery: Says the words.
        outbox: Receives events.
        told: Languages of which the game has been told that the model does not know them.
    """

    def __init__(self, number: int, cast: Cast, delivery: Delivery, outbox: Outbox, told: set[str]) -> None:
        self._number = number
        self._cast = cast
        self._delivery = delivery
        self._outbox = outbox
        self._told = told

    async def run(self, about: str, mindset: Mindset) -> None:
        """Say a line where the model would have been asked.

        Args:
            about: What it answers.
            mindset: What the character has in mind.
        """
        self._tell()
        await self._delivery.recite(line_for(self._cast, about, mindset, self._number))

    def _tell(self) -> None:
        """Tell the game, once for each language."""
        character, told = self._cast.character, self._told
        if character.language in told:
            return
        message = (
            f"No language model that can answer now knows the language '{character.language}': {character.name} keeps "
            "to lines that are written already."
        )
        self._outbox.put(events.Notice(code="language_model", message=message, hint=_HINT, turn=self._number))
        self._outbox.then(lambda: told.add(character.language))


def line_for(cast: Cast, about: str, mindset: Mindset, number: int) -> str:
    """A line that fits: what the character knows about it, word for word, else one that can always be said.

    Args:
        cast: Who takes part.
        about: What it answers.
        mindset: What the character has in mind.
        number: Of the turn: chooses among several lines.
    """
    character, names = cast.character, cast.nature.names
    language = character.language
    lately = " ".join(exchange.reply for exchange in cast.history[-_LATELY:])
    always = {fact.text for shelf in cast.nature.knowledge.shelves for fact in shelf.facts if fact.always}
    known = [fact for fact in mindset.facts if fact not in always or relevant_facts((fact,), about)]
    asked = asks(about, language, names)
    fact = next((fact for fact in known if fact not in lately), known[0] if known and asked else "")
    if fact:
        return fact
    if not mindset.may_act:  # what is done says more than words
        lines = while_acting(character)
    elif asks_who(about, language, names):
        return told("introduction", language, name=character.name)
    elif greets(about, language, names):
        lines = greetings(character) or remarks(character)
    else:
        lines = unanswered(character) if asked else remarks(character)
    if not speaks(language):  # rather something of its author's than something in English
        lines = tuple(character.style.sample_lines) or lines
    return lines[number % len(lines)]
