"""The families of language models: the template of each, and which of them a model belongs to."""

import re
from dataclasses import replace

from npc_runtime.llm.gguf import Header
from npc_runtime.llm.templates import CHATML, Marks, Template

_DEEPSEEK_END = "<｜end▁of▁sentence｜>"
_THOUGHT = "<think>\n\n</think>\n\n"
"""What a model that thinks before it speaks writes when it does not."""

QWEN3 = replace(CHATML, name="qwen3", lead=_THOUGHT)
PHI4 = Template(
    name="phi4",
    system=Marks("<|im_start|>system<|im_sep|>", "<|im_end|>"),
    user=Marks("<|im_start|>user<|im_sep|>", "<|im_end|>"),
    assistant=Marks("<|im_start|>assistant<|im_sep|>", "<|im_end|>"),
    stop=("<|im_end|>",),
)
LLAMA2 = Template(
    name="llama2",
    system=Marks("<<SYS>>\n", "\n<</SYS>>\n\n"),
    user=Marks("[INST]", " [/INST]", " "),
    assistant=Marks("", " </s><s>", " "),
    folded=True,
    strict=True,
    stop=("</s>", "[INST]"),
)
LLAMA3 = Template(
    name="llama3",
    system=Marks("<|start_header_id|>system<|end_header_id|>\n\n", "<|eot_id|>"),
    user=Marks("<|start_header_id|>user<|end_header_id|>\n\n", "<|eot_id|>"),
    assistant=Marks("<|start_header_id|>assistant<|end_header_id|>\n\n", "<|eot_id|>"),
    stop=("<|eot_id|>",),
)
LLAMA4 = Template(
    name="llama4",
    system=Marks("<|header_start|>system<|header_end|>\n\n", "<|eot|>"),
    user=Marks("<|header_start|>user<|header_end|>\n\n", "<|eot|>"),
    assistant=Marks("<|header_start|>assistant<|header_end|>\n\n", "<|eot|>"),
    stop=("<|eot|>",),
)
# Mistral's own code puts the system text before the last words of the user. Before the first it says the same, and the
# engine's work on all that comes before the last words can be kept.
MISTRAL_V1 = Template(
    name="mistral-v1",
    system=Marks("", "\n\n"),
    user=Marks("[INST]", " [/INST]", " "),
    assistant=Marks("", "</s>", " "),
    folded=True,
    strict=True,
    stop=("</s>", "[INST]"),
)
MISTRAL_V3 = replace(MISTRAL_V1, name="mistral-v3", user=Marks("[INST]", "[/INST]", " "))
MISTRAL_TEKKEN = replace(
    MISTRAL_V1, name="mistral-tekken", user=Marks("[INST]", "[/INST]"), assistant=Marks("", "</s>")
)
MISTRAL_V7 = replace(
    MISTRAL_TEKKEN, name="mistral-v7", system=Marks("[SYSTEM_PROMPT]", "[/SYSTEM_PROMPT]"), folded=False
)
GEMMA = Template(
    name="gemma",
    system=Marks("", "\n\n"),
    user=Marks("<start_of_turn>user\n", "<end_of_turn>\n"),
    assistant=Marks("<start_of_turn>model\n", "<end_of_turn>\n"),
    folded=True,
    strict=True,
    stop=("<end_of_turn>",),
)
PHI3 = Template(
    name="phi3",
    system=Marks("<|system|>\n", "<|end|>\n"),
    user=Marks("<|user|>\n", "<|end|>\n"),
    assistant=Marks("<|assistant|>\n", "<|end|>\n"),
    stop=("<|end|>",),
)
PHI2 = Template(
    name="phi2",
    system=Marks("", "\n\n"),
    user=Marks("Instruct:", "\n", " "),
    assistant=Marks("Output:", "\n", " "),
    folded=True,
    worded=True,
    stop=("\nInstruct:", "<|endoftext|>"),
)
ZEPHYR = Template(
    name="zephyr",
    system=Marks("<|system|>\n", "</s>\n"),
    user=Marks("<|user|>\n", "</s>\n"),
    assistant=Marks("<|assistant|>\n", "</s>\n"),
    stop=("</s>", "<|user|>"),
)
FALCON = Template(
    name="falcon",
    system=Marks("System:", "\n", " "),
    user=Marks("User:", "\n", " "),
    assistant=Marks("Assistant:", "\n", " "),
    worded=True,
    stop=("\nUser:", "<|endoftext|>"),
)
FALCON3 = Template(
    name="falcon3",
    system=Marks("<|system|>\n", "\n"),
    user=Marks("<|user|>\n", "\n"),
    assistant=Marks("<|assistant|>\n", "<|endoftext|>\n"),
    stop=("<|endoftext|>", "<|user|>"),
)
HUMAN = Template(
    name="human",
    system=Marks("", "\n\n"),
    user=Marks("Human:", "\n\n", " "),
    assistant=Marks("Assistant:", "\n\n", " "),
    worded=True,
    stop=("\nHuman:", "<|endoftext|>"),
)
PROMPTER = Template(
    name="prompter",
    system=Marks("<|system|>", "<|endoftext|>"),
    user=Marks("<|prompter|>", "<|endoftext|>"),
    assistant=Marks("<|assistant|>", "<|endoftext|>"),
    stop=("<|endoftext|>", "<|prompter|>"),
)
VICUNA = Template(
    name="vicuna",
    system=Marks("", "\n\n"),
    user=Marks("USER:", "\n", " "),
    assistant=Marks("ASSISTANT:", "</s>\n", " "),
    worded=True,
    stop=("</s>", "\nUSER:"),
)
ALPACA = Template(
    name="alpaca",
    system=Marks("", "\n\n"),
    user=Marks("### Instruction:\n", "\n\n"),
    assistant=Marks("### Response:\n", "\n\n"),
    worded=True,
    stop=("\n###", "</s>"),
)
COMMAND_R = Template(
    name="command-r",
    system=Marks("<|START_OF_TURN_TOKEN|><|SYSTEM_TOKEN|>", "<|END_OF_TURN_TOKEN|>"),
    user=Marks("<|START_OF_TURN_TOKEN|><|USER_TOKEN|>", "<|END_OF_TURN_TOKEN|>"),
    assistant=Marks("<|START_OF_TURN_TOKEN|><|CHATBOT_TOKEN|>", "<|END_OF_TURN_TOKEN|>"),
    stop=("<|END_OF_TURN_TOKEN|>",),
)
DEEPSEEK = Template(
    name="deepseek",
    system=Marks("", "\n\n"),
    user=Marks("User:", "\n\n", " "),
    assistant=Marks("Assistant:", _DEEPSEEK_END, " "),
    worded=True,
    stop=(_DEEPSEEK_END, "\nUser:"),
)
DEEPSEEK_V3 = Template(
    name="deepseek-v3",
    system=Marks("", ""),
    user=Marks("<｜User｜>", ""),
    assistant=Marks("<｜Assistant｜>", _DEEPSEEK_END),
    stop=(_DEEPSEEK_END, "<｜User｜>"),
)
DEEPSEEK_R1 = replace(DEEPSEEK_V3, name="deepseek-r1", lead=_THOUGHT)
GRANITE = Template(
    name="granite",
    system=Marks("<|start_of_role|>system<|end_of_role|>", "<|end_of_text|>\n"),
    user=Marks("<|start_of_role|>user<|end_of_role|>", "<|end_of_text|>\n"),
    assistant=Marks("<|start_of_role|>assistant<|end_of_role|>", "<|end_of_text|>\n"),
    stop=("<|end_of_text|>",),
)
COMPLETION = Template(
    name="completion",
    system=Marks("", "\n\n"),
    user=Marks("{player}:", "\n", " "),
    assistant=Marks("{character}:", "\n", " "),
    scripted=True,
    stop=("\n{player}:", "\n{character}:"),
)
"""For models that were never taught to talk with anybody: they go on with a script."""

_MARKS: tuple[tuple[str, Template], ...] = (
    ("<|im_sep|>", PHI4),
    ("enable_thinking", QWEN3),
    ("<|im_start|>", CHATML),
    ("<|start_header_id|>", LLAMA3),
    ("<|header_start|>", LLAMA4),
    ("<start_of_turn>", GEMMA),
    ("<|START_OF_TURN_TOKEN|>", COMMAND_R),
    ("<|start_of_role|>", GRANITE),
    ("<<SYS>>", LLAMA2),
    ("[SYSTEM_PROMPT]", MISTRAL_V7),
    ("[AVAILABLE_TOOLS]", MISTRAL_V3),
    ("[INST]", MISTRAL_V1),
    ("<|prompter|>", PROMPTER),
    ("<｜User｜>", DEEPSEEK_V3),
    ("<|end|>", PHI3),
    ("### Instruction", ALPACA),
    ("USER:", VICUNA),
    ("Human:", HUMAN),
    ("Instruct:", PHI2),
)
"""What the text of a template has in it, the most telling first."""
_NAMES: tuple[tuple[str, Template], ...] = (
    (r"llama-?2|codellama", LLAMA2),
    (r"llama-?3", LLAMA3),
    (r"llama-?4", LLAMA4),
    (r"vicuna|wizardlm|tulu-1", VICUNA),
    (r"alpaca|mythomax|airoboros|guanaco", ALPACA),
    (r"zephyr|tinyllama", ZEPHYR),
    (r"hermes|dolphin|orca|smollm|qwen|yi-|internlm", CHATML),
    (r"gemma", GEMMA),
    (r"mi[sx]tral|ministral", MISTRAL_V1),
    (r"nemo", MISTRAL_TEKKEN),
    (r"phi-?4", PHI4),
    (r"phi-?3", PHI3),
    (r"phi-?[12]", PHI2),
    (r"falcon-?3", FALCON3),
    (r"falcon", FALCON),
    (r"mpt.*instruct|dolly", ALPACA),
    (r"mpt", CHATML),
    (r"deepseek-?r1", DEEPSEEK_R1),
    (r"deepseek-?v[23]", DEEPSEEK_V3),
    (r"deepseek", DEEPSEEK),
    (r"granite", GRANITE),
    (r"command-?r|aya", COMMAND_R),
    (r"oasst|openassistant", PROMPTER),
    (r"pythia|neox|gpt-?j", HUMAN),
)
"""What a model's name has in it."""
_ARCHITECTURES = {
    **{"falcon": FALCON, "mpt": CHATML, "gptneox": HUMAN, "gptj": HUMAN, "gptneo": HUMAN},
    **{"gemma": GEMMA, "gemma2": GEMMA, "gemma3": GEMMA, "gemma3n": GEMMA, "phi2": PHI2, "phi3": PHI3},
    **{"qwen": CHATML, "qwen2": CHATML, "qwen2moe": CHATML, "qwen3": CHATML, "qwen3moe": CHATML, "llama4": LLAMA4},
    **{"command-r": COMMAND_R, "cohere2": COMMAND_R, "deepseek": DEEPSEEK, "deepseek2": DEEPSEEK_V3},
    **{"granite": GRANITE, "granitemoe": GRANITE, "granitehybrid": GRANITE, "mistral3": MISTRAL_V7},
}
_TAUGHT = re.compile(
    r"(?:^|[^a-z])(?:it|chat|instruct(?:ed)?|assistant|sft|dpo|rlhf|tuned|vicuna|zephyr|alpaca|guanaco|wizardlm|tulu|"
    r"hermes|dolphin|orca|dolly|oasst|mythomax|airoboros|openchat|r1)(?:[^a-z]|$)"
)
"""What the name of a model has in it that was taught to answer."""
_BASE = re.compile(r"(?:^|[^a-z])(?:base|pretrained|pt)(?:[^a-z]|$)")


def family_of(header: Header, file_name: str) -> Template:
    """Which template a model expects.

    The marks in the text of its own template tell, else its name; what has neither and is not said to be taught to
    answer is a base model, which goes on with a script.

    Args:
        header: What the file says of the model.
        file_name: What it is called.
    """
    name = f"{header.name} {file_name}".casefold().replace("_", "-").replace(" ", "-")
    if _BASE.search(name) and not _TAUGHT.search(name):
        return COMPLETION
    text = header.template
    if text:
        marked = next((template for mark, template in _MARKS if mark in text), None)
        return _refined(marked, header) if marked else _by_roles(text) or _named(header, name)
    return _named(header, name) if _TAUGHT.search(name) else COMPLETION


def _refined(template: Template, header: Header) -> Template:
    """Families whose generations share marks."""
    if template in (MISTRAL_V1, MISTRAL_V3) and header.tokenizer == "gpt2":
        return MISTRAL_TEKKEN
    if template is DEEPSEEK_V3 and "<think>" in header.template:
        return DEEPSEEK_R1
    if template is QWEN3 and "<|im_start|>" not in header.template:
        rest = (other for mark, other in _MARKS if other is not QWEN3 and mark in header.template)
        return next(rest, CHATML)
    return template


def _by_roles(text: str) -> Template | None:
    """Families that mark the roles alone, in the same way, and differ in what ends a turn."""
    if "<|assistant|>" not in text:
        return FALCON if "User:" in text and "Assistant:" in text else None
    return ZEPHYR if "</s>" in text or "eos_token" in text else FALCON3


def _named(header: Header, name: str) -> Template:
    by_name = next((template for pattern, template in _NAMES if re.search(pattern, name)), None)
    return by_name or _ARCHITECTURES.get(header.architecture, ALPACA)
