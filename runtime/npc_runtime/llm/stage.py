"""Stage directions: tells `(sighs)` and `*wipes the counter*` from words that are to be spoken."""

import re


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_GESTURES = _words(
    "sigh sighs sighing laugh laughs laughing laughter chuckle chuckles chuckling giggle giggles giggling smile "
    "smiles smiling grin grins grinning smirk smirks smirking frown frowns frowning scowl scowls scowling wink "
    "winks winking nod nods nodding shrug shrugs shrugging cough coughs coughing gasp gasps gasping groan groans "
    "groaning growl growls growling grunt grunts grunting snort snorts snorting sob sobs sobbing weep weeps weeping "
    "cries crying whisper whispers whispering mutter mutters muttering mumble mumbles mumbling shout shouts "
    "shouting yells yelling pauses pausing bow bows bowing glare glares glaring sneer sneers sneering scoff scoffs "
    "scoffing sniff sniffs sniffing yawn yawns yawning waves waving hums humming whistles whistling blinks blinking "
    "shivers trembles trembling hesitates hesitating points pointing gestures gesturing leans leaning looks looking "
    "turns turning stares staring steps stepping crosses crossing shakes shaking takes taking seufzt seufzend lacht "
    "lachend lächelt lächelnd grinst grinsend nickt nickend zuckt hustet räuspert flüstert flüsternd murmelt "
    "schweigt stöhnt knurrt brummt schnaubt weint schluchzt gähnt zwinkert zögert verbeugt schaut blickt wendet "
    "schüttelt güler gülümser gülümsüyor gülerek gülümseyerek iç içini öksürür fısıldar fısıldayarak mırıldanır "
    "homurdanır başını omuz omzunu kaşlarını bağırır ağlar ağlayarak duraksar bekler esner"
)
_MANNERS = _words(
    "quietly softly coldly angrily loudly slowly gently nervously sadly bitterly warmly sarcastically dryly calmly "
    "firmly hesitantly cheerfully proudly sternly leise laut kalt wütend traurig nervös ruhig spöttisch alçak "
    "sessizce yavaşça kızgın üzgün gergin sakin"
)
_THIRD_PERSON = _words("he she they er sie")
_FIRST_PERSON = _words("i i'm i'll i've you your me my mine we us our ich du mich mein dein wir ben sen biz siz")

_NOT_VERBS = _words(
    "always this his hers ours yours theirs its is was has does thus perhaps yes us less unless across towards "
    "besides sometimes nevertheless nonetheless regardless various previous alas guess it's that's let's there's "
    "what's he's she's who's where's here's gods bless"
)

_NOT_PARTICIPLES = _words("nothing something anything everything during being bring king thing morning evening")

_NOT_GERMAN_VERBS = _words("nicht jetzt sonst erst fast seit selbst dort heut recht echt gibt geht kommt ist bist")

_EDGE = " .,;:!?…\"'“”-—–*_~"
_TURKISH_NARRATION = ("yor", "arak", "erek")
"""Endings of Turkish verbs that describe; they come last: `yavaşça kapıya yürüyor`, `başını eğerek`."""
_TURKISH_DEEDS = _words(
    "çeker sallar silker güler gülümser öksürür fısıldar mırıldanır homurdanır duraksar esner yaslanır eğilir "
    "doğrulur irkilir kızarır sırıtır kıkırdar hıçkırır yutkunur kaşır ovuşturur çatar"
)
"""Turkish verbs of gestures in the third person, as the last word: `başını sallar`, `omuz silker`."""
_END = re.compile(r"[.!?…]+[\"'”’]?(?=\s|$)")


def looks_staged(text: str, language: str) -> bool:
    """Whether a marked phrase describes behaviour rather than being said.

    True if its first word is a known gesture (`sighs`), a third-person subject of more (`he turns`), or has the form
    of a verb of description with something after it (`wipes the counter`, `leaning closer`, `wischt den Tresen`).

    Args:
        text: The phrase without its marks.
        language: ISO 639-1 code.
    """
    words = text.split()
    if not words:
        return False
    first = words[0].strip(_EDGE).replace("’", "'").casefold()
    if first in _GESTURES:
        return True
    if len(words) < 2:
        return False
    if first in _THIRD_PERSON:
        return True
    if (
        len(first) > 3
        and first.endswith("s")
        and "'" not in first
        and first not in _NOT_VERBS
        and words[0][0].islower()
    ):
        return not first.endswith("ss")
    if len(first) > 5 and first.endswith("ing") and first not in _NOT_PARTICIPLES:
        return True
    last = words[-1].strip(_EDGE).casefold()
    if language.startswith("tr") and words[0][0].islower():
        return last in _TURKISH_DEEDS or (len(last) > 5 and last.endswith(_TURKISH_NARRATION))
    return (
        language.startswith("de")
        and len(first) > 3
        and first.endswith("t")
        and words[0][0].islower()
        and first not in _NOT_GERMAN_VERBS
    )


def emphasis_is_narration(text: str, language: str, *, stars: int, at_start: bool) -> bool:
    """Whether a phrase between asterisks is a stage direction.

    Single asterisks that open a sentence hold one unless there is just one word in them that is no gesture; anywhere
    else, and between double asterisks, the phrase itself must look like one.

    Args:
        text: The phrase without its asterisks.
        language: ISO 639-1 code.
        stars: How many asterisks opened it.
        at_start: Whether it opens a sentence.
    """
    if text.rstrip().endswith((":", "：")):
        return False
    if looks_staged(text, language):
        return True
    words = text.split()
    if not at_start or stars > 1:
        return False
    if len(words) > 1:
        return True
    word = words[0].strip(_EDGE) if words else ""
    return len(word) > 3 and word.islower() and word.endswith("s") and word not in _NOT_VERBS


def parenthesis_is_narration(text: str, language: str, *, at_start: bool) -> bool:
    """Whether a phrase in parentheses is a stage direction.

    Where a sentence opens, it is one unless it talks in the first or second person or is a sentence itself; inside a
    sentence it must look like one or be an adverb of manner (`quietly`).

    Args:
        text: The phrase without its parentheses.
        language: ISO 639-1 code.
        at_start: Whether it opens a sentence.
    """
    if not any(character.isalpha() for character in text):
        return False
    words = [word.strip(_EDGE).replace("’", "'").casefold() for word in text.split()]
    if looks_staged(text, language) or (words[0] in _MANNERS and len(words) <= 3):
        return True
    return at_start and not text.rstrip().endswith((".", "!", "?")) and not _FIRST_PERSON.intersection(words)


def first_sentence_end(text: str) -> int:
    """Where the first sentence of a text ends; its length if nothing ends in it."""
    match = _END.search(text)
    return match.end() if match else len(text)
