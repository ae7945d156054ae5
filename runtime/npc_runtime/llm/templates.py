"""How a conversation is written down for a language model: our own chat templates, as data.

The template inside a model file is never rendered: it is a program from an untrusted file, and nested loops in it can
hang an engine while it loads. None of ours begins with the mark of a text's beginning: engines put it there themselves
where the model's tokenizer asks for it.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from npc_runtime.llm.backend import Message, Role

_CONTROL = re.compile(
    r"<\|[^|<>\s]{0,40}\|?>?"  # ChatML, LLaMA 3, Phi, Zephyr, Command R, Granite
    r"|<｜[^｜<>\s]{0,40}｜?>?"  # DeepSeek
    r"|</?s>|<(?:bos|eos|pad|unk)>|<(?:start|end)_of_turn>|</?think>|<(?:human|bot)>:?"
    r"|\[/?(?:INST|SYSTEM_PROMPT|AVAILABLE_TOOLS|TOOL_RESULTS|TOOL_CALLS)\]|<</?SYS>>"
)
"""What a model takes for a turn boundary; untrusted text that has it could speak as somebody else."""
_LABELS = re.compile(
    r"^[ \t]*(?:#{2,}[ \t]*(?:instruction|response|input|system|user|human|assistant)s?\b[ \t]*:?"
    r"|(?:system|user|human|assistant|instruct|output|falcon|bot)[ \t]*:)",
    re.IGNORECASE | re.MULTILINE,
)
"""The same of families whose turns begin with plain words."""
_NAME_LENGTH = 40


@dataclass(frozen=True, slots=True)
class Marks:
    """What stands around the words of one role."""

    before: str
    after: str
    gap: str = ""
    """Between `before` and the words; left away where the words are still to come."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """How the models of a family expect a conversation.

    Marks and stops may name `{player}` and `{character}`.
    """

    name: str
    system: Marks
    user: Marks
    assistant: Marks
    folded: bool = False
    """Whether there is no system role: what it says stands at the beginning of the first turn of the user."""
    strict: bool = False
    """Whether user and assistant must take turns, the user first."""
    worded: bool = False
    """Whether turns begin with plain words, which untrusted text could write as well."""
    scripted: bool = False
    """Whether each line is somebody's turn."""
    lead: str = ""
    """What stands before the words of the reply, and of no reply before it."""
    stop: tuple[str, ...] = ()
    """What ends the reply if the model goes on behind it."""

    def prompt(
        self,
        messages: Sequence[Message],
        speaker: Role = "assistant",
        *,
        begun: str = "",
        player: str = "",
        character: str = "",
    ) -> str:
        """The conversation, open for what the speaker says next.

        Args:
            messages: What was said. None of it is trusted.
            speaker: Who goes on.
            begun: What that one has said of it already.
            player: The player's name, for templates that tell it.
            character: The character's.
        """
        *closed, (_, last) = self._turns(messages, speaker, begun)
        parts = []
        for role, text in closed:
            marks = self._marks(role)
            parts += [_named(marks.before, player, character), marks.gap if text else "", text]
            parts.append(_named(marks.after, player, character))
        marks = self._marks(speaker)
        parts += [_named(marks.before, player, character), self.lead if speaker == "assistant" else ""]
        parts += [marks.gap, last] if last else []
        return "".join(parts)

    def plain(self, text: str) -> str:
        """Untrusted text without anything that opens or closes a turn."""
        text = harmless(text)
        if self.scripted:
            return " ".join(text.split())
        return _LABELS.sub(" ", text) if self.worded else text

    def stops(self, *, player: str = "", character: str = "") -> list[str]:
        """What ends a reply; see `prompt`."""
        return [_named(stop, player, character) for stop in self.stop]

    def _marks(self, role: Role) -> Marks:
        return self.system if role == "system" else self.user if role == "user" else self.assistant

    def _turns(self, messages: Sequence[Message], speaker: Role, begun: str) -> list[tuple[Role, str]]:
        """Who says what, with the turn that is open at the end, as this family allows it."""
        turns: list[tuple[Role, str]] = []
        told = ""
        """What the system says and no turn holds yet."""

        def take(role: Role, text: str) -> None:
            if self.strict and turns and turns[-1][0] == role:
                text = f"{turns.pop()[1]}\n\n{text}"
            turns.append((role, text))

        said = [(message.role, self._clean(message)) for message in messages]
        for role, text in [*said, (speaker, begun)]:
            if self.folded and role == "system":
                told += self.system.before + text + self.system.after
                continue
            first = self.strict and all(other == "system" for other, _ in turns)
            if role == "assistant" and (told or first):
                take("user", told.rstrip())
                told = ""
            take(role, told + text)
            told = ""
        return turns

    def _clean(self, message: Message) -> str:
        # Rules and persona have lines of their own in a script, too: they stand before it begins.
        return harmless(message.text) if self.scripted and message.role == "system" else self.plain(message.text)


def _named(mark: str, player: str, character: str) -> str:
    return mark.replace("{player}", _line(player) or "Player").replace("{character}", _line(character) or "Character")


def _line(name: str) -> str:
    """A name as it may open a line."""
    return " ".join(harmless(name).replace(":", " ").split())[:_NAME_LENGTH]


def harmless(text: str) -> str:
    """Text without the control marks of any chat template."""
    return _CONTROL.sub(" ", text)


CHATML = Template(
    name="chatml",
    system=Marks("<|im_start|>system\n", "<|im_end|>\n"),
    user=Marks("<|im_start|>user\n", "<|im_end|>\n"),
    assistant=Marks("<|im_start|>assistant\n", "<|im_end|>\n"),
    stop=("<|im_end|>",),
)


def chatml(messages: Sequence[Message], speaker: Role = "assistant") -> str:
    """The prompt in ChatML (SmolLM, Qwen and many others), open for what the speaker says next."""
    return CHATML.prompt(messages, speaker)
