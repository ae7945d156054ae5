"""Guards: what was written as speech and must not be said: broken roles, loops, more than was asked for.

The first sentence leaves word by word, because the voice waits for its first clause. From the second sentence on, words
wait for the end of their sentence: it can still be taken back as a whole when it loops or when the stream breaks off.
"""

from collections import Counter

from npc_runtime.llm.reply import ActionTag, NoticeCode, ParserEvent, ParserNotice, SentenceEnd, Words

_PHRASES = """
as an ai|as an artificial intelligence|as a language model|as a large language model|as a virtual assistant
as an assistant i|i am an ai|i'm an ai|i am just an ai|i'm just an ai|i am only an ai|i'm only an ai
i am a language model|i'm a language model|i am a large language model|i'm a large language model
i'm just a language model|i am just a language model
i am an artificial intelligence|i'm an artificial intelligence|an ai language model|an ai assistant|ai language model
i was trained by|trained by openai|developed by openai|created by openai|my training data|my programming does not
i cannot assist with|i can't assist with|i can not assist with|i am unable to assist with|i'm unable to assist with
i'm not able to assist with|i am not able to assist with|i cannot fulfill|i can't fulfill|i cannot fulfil|i can't fulfil
i cannot help with that request|i can't help with that request|i cannot comply with|i can't comply with that request
i cannot generate|i can't generate|i cannot engage in|i can't engage in|i cannot roleplay|i can't roleplay
i cannot provide assistance|violates my guidelines|against my guidelines|against my programming|content policy
als ki|als eine ki|als künstliche intelligenz|als eine künstliche intelligenz|als sprachmodell|als ein sprachmodell
als ki-sprachmodell|als ki-assistent|als ki-modell|als großes sprachmodell|ich bin eine ki|ich bin nur eine ki
ich bin ein sprachmodell|ich bin ein ki-sprachmodell|ich bin eine künstliche intelligenz|meine trainingsdaten
ich bin ein chatbot|ich bin nur ein chatbot|ich bin ein computerprogramm|ich bin nur ein computerprogramm
als virtueller assistent|als virtuelle assistentin|als digitaler assistent|als digitale assistentin
als textbasierte ki|von openai entwickelt|von openai trainiert|meine programmierung|gegen meine richtlinien
verstößt gegen meine richtlinien|ich kann diese anfrage nicht
ich kann bei dieser anfrage nicht|ich kann ihnen dabei nicht behilflich sein
yapay zeka olarak|bir yapay zeka|bir yapay zekayım|yapay zeka modeliyim|yapay zeka dil modeli|yapay zeka asistanı
dil modeli olarak|bir dil modeli|bir dil modeliyim|büyük bir dil modeliyim|bu isteği yerine getiremem
yapay zeka asistanıyım|yapay zeka asistanı olarak|yapay zeka programıyım|bir sohbet botuyum|bir bilgisayar programıyım
sanal asistan olarak|sanal bir asistanım|bir sanal asistanım|openai tarafından|eğitim verilerim|eğitim verilerime
yönergelerime aykırı|bu konuda yardımcı olamam|bu talebi yerine getiremem
"""
"""Phrases with which models drop the role; our own list. They match whole words, whatever the marks between them."""

ROLE_BREAKS: frozenset[tuple[str, ...]] = frozenset(
    tuple(phrase.split()) for line in _PHRASES.strip().splitlines() for phrase in line.split("|")
)
_PREFIXES = frozenset(phrase[:length] for phrase in ROLE_BREAKS for length in range(1, len(phrase)))
_LONGEST = max(len(phrase) for phrase in ROLE_BREAKS)

_LEAD_INS = (
    "i i'm am sorry but apologize apologise apologies my so very however unfortunately please note that it's important "
    "to es tut mir leid aber entschuldigung leider üzgünüm ama maalesef ne yazık ki özür dilerim"
)
_LEAD_IN = frozenset(_LEAD_INS.split())
_LEAD_IN_LIMIT = 6
"""Words that open a refusal are held this long, so that `I'm sorry, but` is not left standing alone."""

_LOOPS = {1: 12, 2: 6, 3: 4, 4: 4, 5: 4, 6: 4, 7: 4, 8: 4}
"""Copies in a row of so many words that make a loop, which ends the reply."""
_IN_A_ROW = 4
"""Times that a word may be said in a row: people do say `no, no, no`. Of further ones only the last is left."""
_COPIES, _SHORT_COPIES, _SHORT = 3, 5, 2
"""The same sentence ends the reply when it comes this often; one of up to two words (`Help!`) may come more often."""
_QUEUE_CAP = 400
_NOTICES_PER_CODE = 4


def normal_word(text: str) -> str:
    """A word as it is compared: small letters and digits, with the apostrophes and hyphens inside it."""
    word = text.replace("İ", "i").replace("’", "'").casefold().replace("â", "a")
    return "".join(character for character in word if character.isalnum() or character in "'-").strip("'-")


def _is_word(event: ParserEvent) -> bool:
    return isinstance(event, Words) and bool(normal_word(event.text))


class SpeechGuard:
    """Holds words back until they may be said, and ends the reply where it stops being one.

    Args:
        max_sentences: Sentences that may be said; None for any number.
        max_chars: Characters that may be said.
    """

    def __init__(self, *, max_sentences: int | None, max_chars: int) -> None:
        self._max_sentences = max_sentences
        self._max_chars = max_chars
        self._out: list[ParserEvent] = []
        self._queue: list[ParserEvent] = []
        self._words: list[str] = []
        self._runs: Counter[int] = Counter()
        self._sayable = False
        self._begun = False
        self._broken = False
        self._seen: Counter[str] = Counter()
        self._notices: Counter[str] = Counter()
        self._chars = 0
        self.sentences = 0
        self.finished = False
        self.anything_withheld = False

    @property
    def spoken(self) -> bool:
        """Whether any words have left or are about to."""
        return self.sentences > 0 or self._begun or self._sayable

    def drain(self) -> list[ParserEvent]:
        """The events that are certain, each once."""
        events, self._out = self._out, []
        return events

    def notice(self, code: NoticeCode, message: str) -> None:
        """Report something, unless the same kind was reported often enough."""
        self._notices[code] += 1
        if self._notices[code] <= _NOTICES_PER_CODE:
            self._append(ParserNotice(code, message))

    def item(self, event: ParserEvent) -> None:
        """Take something that is not speech, in its place between the words."""
        if isinstance(event, ParserNotice):
            if not self.finished:
                self.notice(event.code, event.message)
            return
        if self.finished or (self._full and not isinstance(event, ActionTag)):
            return
        self._append(event)

    def word(self, text: str) -> None:
        """Take a piece of the current sentence."""
        word = normal_word(text)
        if self.finished or self._broken:
            return
        if self._full:
            self.finished = bool(word)
            return
        self._chars += len(text)
        if self._chars > self._max_chars:
            self._stop("truncated", f"the reply is longer than {self._max_chars} characters")
            return
        if word:
            self._sayable = True
            self._words.append(word)
            if self._breaks_role() or self._loops():
                return
            if self._runs[1] >= _IN_A_ROW and not word.isdigit():  # the figures of a number are no repetition
                self._take_last_back()
        self._queue.append(Words(text))
        self._release()

    def end(self) -> None:
        """The current sentence is complete."""
        if self.finished:
            return
        if self._broken:
            self._close_sentence(said=self._begun)
            return
        key = " ".join(self._words)
        copies = _SHORT_COPIES if len(self._words) <= _SHORT else _COPIES
        if key and not self._begun:
            self._seen[key] += 1
            if self._seen[key] >= copies:
                self._stop("repetition", "the same sentence came again and again")
                return
        elif key:
            self._seen[key] += 1
        if not self._sayable:
            self._drop_words()
        self._flush(len(self._queue))
        self._close_sentence(said=self._sayable)

    def cut_off(self) -> None:
        """The stream broke off in the current sentence, which is taken back if another one was said."""
        if self.finished or not (self._sayable or self._queue):
            return
        if self.sentences and self._sayable:
            self.notice("truncated", "the last sentence broke off and is left out")
            self._drop_words()
            self._words = []
            self._sayable = False
        self.end()

    def finish(self) -> None:
        """Nothing that follows counts."""
        self.finished = True

    @property
    def _full(self) -> bool:
        return self._max_sentences is not None and self.sentences >= self._max_sentences

    def _append(self, event: ParserEvent) -> None:
        (self._queue if self._queue else self._out).append(event)
        if len(self._queue) > _QUEUE_CAP:
            self._flush(len(self._queue))

    def _release(self) -> None:
        if self.sentences or not self._sayable:
            return
        keep = int(self._runs[1] >= _IN_A_ROW - 1)  # the last copy that may be said: one more may replace it
        for length in range(min(_LONGEST - 1, len(self._words)), 0, -1):
            if tuple(self._words[-length:]) in _PREFIXES:
                keep = max(keep, length)
                break
        opening = self._words[: len(self._words) - keep]
        if len(opening) <= _LEAD_IN_LIMIT and _LEAD_IN.issuperset(opening):
            keep = len(self._words)
        index = len(self._queue)
        while keep and index:
            index -= 1
            keep -= _is_word(self._queue[index])
        self._flush(index)

    def _flush(self, count: int) -> None:
        leaving, self._queue = self._queue[:count], self._queue[count:]
        self._begun = self._begun or any(isinstance(event, Words) for event in leaving)
        self._out += leaving

    def _drop_words(self) -> None:
        self._queue = [event for event in self._queue if not isinstance(event, Words)]

    def _breaks_role(self) -> bool:
        tails = (tuple(self._words[-length:]) for length in range(1, _LONGEST + 1))
        if not any(tail in ROLE_BREAKS for tail in tails):
            return False
        self._drop_words()
        self._broken = True
        self.anything_withheld = True
        self.notice("role_break", f"left out, because it is said out of the role: '… {' '.join(self._words[-8:])} …'")
        return True

    def _loops(self) -> bool:
        for length, copies in _LOOPS.items():
            again = len(self._words) > length and self._words[-1] == self._words[-1 - length]
            self._runs[length] = self._runs[length] + 1 if again else 0
            if self._runs[length] >= length * (copies - 1):
                self._stop("repetition", "the same words came again and again")
                return True
        return False

    def _take_last_back(self) -> None:
        """Make room for the newest copy of a word: it has the marks that the sentence goes on from."""
        if self._runs[1] == _IN_A_ROW:
            self.notice("repetition", f"'{self._words[-1]}' was written more than {_IN_A_ROW} times in a row")
        place = next((n for n in reversed(range(len(self._queue))) if _is_word(self._queue[n])), 0)
        self._queue[place:] = [event for event in self._queue[place:] if not isinstance(event, Words)]

    def _stop(self, code: NoticeCode, message: str) -> None:
        self._drop_words()
        self._flush(len(self._queue))
        self._close_sentence(said=self._begun)
        self.notice(code, message)
        self.finished = True

    def _close_sentence(self, *, said: bool) -> None:
        self._flush(len(self._queue))
        if said:
            self._out.append(SentenceEnd())
            self.sentences += 1
        self._words = []
        self._runs.clear()
        self._sayable = self._begun = self._broken = False
