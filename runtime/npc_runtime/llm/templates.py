"""Chat templates, ours, by model family.

The template inside a model file is never rendered: it is a program from an untrusted file, and nested loops in it can
hang an engine while it loads.
"""

import re
from collections.abc import Sequence

from npc_runtime.llm.backend import Message, Role

_CONTROL = re.compile(r"<\|[^|<>\s]{0,40}\|?>?|</?s>|\[/?INST\]|<(?:start|end)_of_turn>")
"""What a model takes for a turn boundary; untrusted text that has it could speak as somebody else."""


def chatml(messages: Sequence[Message], speaker: Role = "assistant") -> str:
    """The prompt in ChatML (SmolLM, Qwen and many others), open for what the speaker says next."""
    turns = "".join(f"<|im_start|>{message.role}\n{harmless(message.text)}<|im_end|>\n" for message in messages)
    return f"{turns}<|im_start|>{speaker}\n"


def harmless(text: str) -> str:
    """Text without the control marks of any chat template."""
    return _CONTROL.sub(" ", text)
