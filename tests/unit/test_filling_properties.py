"""Filling on anything: it never raises, never gives what `validate` would refuse, and never gives what is denied."""

from hypothesis import given, settings
from hypothesis import strategies as st

from npc_runtime.actions.filling import fill
from npc_runtime.actions.ledger import Ledger
from npc_runtime.actions.reducing import reduced
from npc_runtime.actions.situation import Situation
from npc_runtime.actions.validate import Rejection, validate
from npc_runtime.content.action import ActionDefinition, Argument, ArgumentType
from npc_runtime.scene import Entity, Player, Presence, Scene

LANGUAGES = ["en", "de", "tr", "xx"]
_SAID = """
    the a one two twenty dozen half pair no not without instead of never mind and or , . ? 20oz 3.5 -4 1,000 large
    medium roast milk sugar axe rusty it me ein kein nicht ohne zwanzig Dutzend Schild große Milch bir iki tane değil
    yok şekersiz balta küçük istemiyorum with more than called saying " [action x] İ ß Mühle Ysolde to
"""
WORDS = _SAID.split()
WORD = st.text("abcdeilmorstüğş0123_-", min_size=1, max_size=8).filter(lambda word: word[0].isalnum())
TYPES: list[ArgumentType] = [
    "string",
    "integer",
    "number",
    "boolean",
    "enum",
    "entity",
    "character",
    "location",
    "player",
]


@st.composite
def arguments(draw: st.DrawFn) -> Argument:
    """Any argument that an author may write."""
    kind = draw(st.sampled_from(TYPES))
    required = draw(st.sampled_from([None, False]))
    description = draw(st.none() | st.text("abc dkm?öı", min_size=1, max_size=20).filter(str.strip))
    if kind == "enum":
        some = WORD | st.sampled_from(["large", "20oz", "none", "no_milk"])
        values = tuple(draw(st.lists(some, min_size=1, max_size=5, unique_by=str.casefold)))
        spoken = {draw(st.sampled_from(values)): (draw(st.sampled_from(WORDS)),)} if draw(st.booleans()) else {}
        return Argument(type=kind, values=values, spoken=spoken, required=required, description=description)
    if kind in ("integer", "number"):
        low, high = sorted(draw(st.tuples(st.integers(-50, 50), st.integers(-50, 50))))
        return Argument(type=kind, min=low, max=high, required=required, description=description)
    if kind == "string":
        return Argument(type=kind, max_length=draw(st.integers(1, 30)), required=required, description=description)
    if kind == "entity" and draw(st.booleans()):
        return Argument(type=kind, tags=("weapon",), required=required, description=description)
    return Argument(type=kind, required=required, description=description)


ACTIONS = st.builds(
    lambda args, target: ActionDefinition(name="do", description="Do.", args=args, target=target),
    st.dictionaries(st.sampled_from(["drink", "size", "count", "milk", "item", "who", "price", "sugar"]), arguments()),
    st.sampled_from(["none", "player", "character", "entity", "location"]),
)
TEXT = st.text(max_size=60) | st.lists(st.sampled_from(WORDS), max_size=14).map(" ".join)
NAMES = st.text(max_size=20) | st.lists(st.sampled_from(WORDS), min_size=1, max_size=3).map(" ".join)
SCENES = st.builds(
    lambda things, people, place: Situation(
        scene=Scene(
            location=place,
            entities=tuple(Entity(id, name, tuple(tags)) for id, name, tags in things),
            characters=tuple(Presence(id, name) for id, name in people),
        ),
        player=Player("p1", "Tamsin"),
        character="me",
    ),
    st.lists(st.tuples(NAMES, NAMES, st.lists(st.sampled_from(["weapon", "place", "axe"]), max_size=2)), max_size=6),
    st.lists(st.tuples(NAMES, NAMES), max_size=4),
    NAMES,
)


@settings(max_examples=400)
@given(
    ACTIONS, TEXT, st.sampled_from(LANGUAGES), SCENES, NAMES, st.sampled_from(["", "drink", "count", "milk", "target"])
)
def test_what_is_filled_is_valid(
    action: ActionDefinition, line: str, language: str, scene: Situation, mentioned: str, awaited: str
) -> None:
    values = fill(action, line, language, scene, mentioned=mentioned, awaited=awaited)
    assert values == fill(action, line, language, scene, mentioned=mentioned, awaited=awaited)
    optional = {
        name: argument.model_copy(update={"required": argument.required if argument.type == "player" else False})
        for name, argument in action.args.items()
    }
    target = action.target if "target" in values else "none"
    judged = validate("do", values, [action.model_copy(update={"args": optional, "target": target})], scene, Ledger())
    assert not isinstance(judged, Rejection), judged
    assert set(values) <= set(judged.args) | {"target"} and not judged.warnings
    reduced(action, line, language)


_DENIED = {
    "en": """
        no {}; not the {}; without {}; without any {}; I don't want the {}; I do not want {}; I'd never take {};
        anything but {}; anything but the {}; instead of the {}; give me something, not {}; skip the {}; hold the {};
        please don't bring me the {}; not a {}, thank you; I hate {}; Leave out the {}.; no more {}
    """,
    "de": """
        kein {}; keine {} bitte; nicht {}; nicht die {}; ohne {}; ohne die {}; die {} nicht; ich will {} nicht;
        ich will die {} nicht haben; alles außer {}; statt {}; bitte keinen {}; niemals {}; weder {} noch sonst was
    """,
    "tr": """
        {} değil; {} istemiyorum; {} istemem; {} olmasın; ne {} ne başka bir şey; {} yok; {} hariç; {} verme;
        {} yerine; lütfen {} koyma; {} almayayım
    """,
}
DENIED = {language: [line.strip() for line in lines.split(";")] for language, lines in _DENIED.items()}
VALUES = ["silver_cup", "mocha", "brown_rice", "twelve", "12oz", "kupa", "hafermilch", "large"]
DENYING = st.sampled_from(["en", "de", "tr"]).flatmap(
    lambda language: st.tuples(st.just(language), st.sampled_from(DENIED[language]))
)


@given(DENYING, st.sampled_from(VALUES), st.booleans())
def test_what_is_denied_is_never_filled(denying: tuple[str, str], value: str, asked: bool) -> None:
    language, template = denying
    other = "zebra"
    action = ActionDefinition(
        name="do",
        description="Do.",
        args={
            "what": Argument(type="enum", values=(value, other)),
            "many": Argument(type="integer", min=1, max=99, required=False),
            "item": Argument(type="entity", required=False),
        },
    )
    word = value.replace("_", " ")
    scene = Situation(scene=Scene(entities=(Entity("thing", f"{word}"), Entity("z", "zebra"))))
    line = template.format(word)
    values = fill(action, line, language, scene, awaited="what" if asked else "")
    assert values.get("what") != value, line
    assert values.get("item") != "thing", line
    assert "many" not in values, line


@given(DENYING)
def test_a_denied_boolean_is_never_true(denying: tuple[str, str]) -> None:
    language, template = denying
    action = ActionDefinition(name="do", description="Do.", args={"pepper": Argument(type="boolean", default=False)})
    assert fill(action, template.format("pepper"), language, Situation()).get("pepper") != "true"


@given(DENYING, st.integers(1, 90))
def test_a_denied_number_is_never_filled(denying: tuple[str, str], number: int) -> None:
    language, template = denying
    action = ActionDefinition(name="do", description="Do.", args={"coins": Argument(type="integer", min=0, max=99)})
    value = fill(action, template.format(f"{number} coins"), language, Situation()).get("coins")
    assert value != str(number), template
