"""The window of a small model is never overrun, however much there is to tell, counted by its real tokenizer."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest

from npc_runtime.content.character import CharacterFile
from npc_runtime.content.told import told
from npc_runtime.dialogue import Dialogue
from npc_runtime.llm.child import ChildConfig
from npc_runtime.llm.grammar import OPENING
from npc_runtime.llm.local import LocalModel
from npc_runtime.llm.local_file import local_model
from npc_runtime.llm.prompt import Exchange, fitting_system_prompt, introduction, messages
from npc_runtime.scene import Entity, Player, Scene

pytestmark = [pytest.mark.engine, pytest.mark.anyio]

WINDOW, REPLY = 2048, 160
TEXTS = {
    "en": "The north bridge has been out since the flood of {n}, and nobody from the Guild has lifted a finger. "
    "Steel doesn't lie, but merchants do; bring me {n} bars of iron and I will show you.",
    "de": "Die Nordbrücke ist seit dem Hochwasser von {n} zerstört, und niemand aus der Schmiedegilde hat auch nur "
    "einen Finger gerührt. Stahl lügt nicht, Händler schon; bringt mir {n} Barren Eisen, dann zeige ich es Euch.",
    "tr": "Kuzey köprüsü {n} yılındaki selden beri yıkık, loncadan kimse onarmak için parmağını bile kıpırdatmadı. "
    "Çelik yalan söylemez, tüccarlar söyler; bana {n} külçe demir getirirsen gösteririm, öğütülmüş şeyleri değil.",
}
LINES = {
    "plain": "{text}",
    "endless": "{text} " * 200,
    "digits": "1234567890" * 900,
    "shouted": "WER BIST DU? ÖĞÜTÜLMÜŞ! " * 300,
    "letters": "xq zvk jwpq fghk " * 500,
    "signs": "?!;:#%&" * 900,
    "foreign": "剣を直してください。" * 500,
}


@pytest.fixture(scope="module")
async def model(gguf: Path) -> AsyncIterator[LocalModel]:
    model = local_model("smollm2", ChildConfig("xllamacpp", str(gguf), "", WINDOW, 1, 0, 1, 2, 0))
    await model.start()
    yield model
    await model.aclose()


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


async def tokens(model: LocalModel, prompt: str) -> int:
    """How many the engine makes of a prompt, its control marks among them."""
    async with httpx2.AsyncClient(base_url=model.process.url) as client:
        answer = await client.post(
            "/tokenize",
            json={"content": prompt, "add_special": True, "parse_special": True},
            headers={"Authorization": f"Bearer {model.process.api_key}"},
        )
    return len(answer.json()["tokens"])


def rich(language: str) -> CharacterFile:
    told = [TEXTS[language].format(n=number) for number in range(100, 160)]
    return CharacterFile.model_validate(
        {
            "name": "Brynja Ironhand",
            "language": language,
            "persona": {"summary": told[0], "motivation": told[1], "backstory": " ".join(told[:6])},
            "style": {"tone": "blunt", "sample_lines": told[:2]},
            "knowledge": {"facts": told},
        }
    )


@pytest.mark.parametrize("line", LINES)
@pytest.mark.parametrize("small", [True, False], ids=["small", "large"])
@pytest.mark.parametrize("language", TEXTS)
async def test_a_rich_character_stays_inside_the_window(
    model: LocalModel, language: str, small: bool, line: str
) -> None:
    character, text = rich(language), TEXTS[language]
    dialogue = Dialogue(WINDOW, small=small)
    for number in range(40):
        dialogue.add("brynja", "player", Exchange(text.format(n=number), text.format(n=number + 40)))
    system = fitting_system_prompt(character, (), small=small, context_tokens=WINDOW)
    talk = messages(
        system,
        (*introduction(character, small=small), *dialogue.of("brynja", "player")),
        LINES[line].format(text=text.format(n=7)) if "{" in LINES[line] else LINES[line],
        player=Player(name="Tamsin"),
        scene=None
        if small
        else Scene(
            location="smithy",
            mood="tense",
            entities=tuple(Entity(f"e{number}", text[:24]) for number in range(40)),
            facts=tuple(text.format(n=number) for number in range(12)),
        ),
        thoughts=[text.format(n=number) for number in range(3 if small else 12)],
        context_tokens=WINDOW,
        reply_tokens=REPLY,
    )
    prompt = model.template.prompt(talk, begun=OPENING)
    assert await tokens(model, prompt) + REPLY <= WINDOW
    assert talk[0].text.startswith(told("you_are", language, name="Brynja Ironhand", summary="").strip())
    assert text.format(n=9 if not small else 1)[:40] in talk[-1].text
