"""`test`: plays the conversations that authors check with the real model, and tells which of them went wrong."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import anyio

from npc_runtime.cli import console
from npc_runtime.cli.tongue import shown
from npc_runtime.config import Settings
from npc_runtime.content.content_file import ContentFile, read
from npc_runtime.content.conversation import ConversationTest
from npc_runtime.content.conversation_check import conversation_problems
from npc_runtime.content.library import Library
from npc_runtime.content.scenes import scene_of
from npc_runtime.content.search import content_files
from npc_runtime.conversations.runner import play
from npc_runtime.conversations.verdict import Verdict, summary
from npc_runtime.engines import running
from npc_runtime.errors import ContentError, InputError, UsageError
from npc_runtime.llm.backend import LanguageModel
from npc_runtime.resources import bundled

MOST_SEEDS = 1000


@dataclass(frozen=True, slots=True)
class Request:
    """What a person wants to be tested."""

    files: Sequence[Path]
    """From `found`."""
    seeds: int
    """How often each conversation is played, with the seeds 1, 2, …"""
    pass_rate: float
    """The share of times in which all must go well, 0..1."""
    json: bool
    """Whether stdout carries JSON alone."""


def found(paths: Sequence[Path]) -> list[Path]:
    """The conversation tests that a person means.

    Raises:
        InputError: A path does not exist, or there are none.
    """
    files = content_files(paths, ("tests",))
    if not files:
        hint = "put them into tests/*.yaml; `npc-runtime new DIR` makes an example"
        raise InputError(f"There are no conversation tests in {', '.join(map(str, paths))}.", hint=hint)
    return files


def content_of(files: Sequence[Path]) -> Path | None:
    """The content folder whose settings hold: that of the tests, unless they belong to several."""
    roots = {path.resolve().parent for path in files}
    return roots.pop().parent if len(roots) == 1 and next(iter(roots)).name == "tests" else None


def run(request: Request, settings: Settings) -> int:
    """Play conversations, and print what came of them.

    Returns:
        The exit code: 1 if a conversation went well less often than it should, or cannot be played; 0 otherwise.

    Raises:
        UsageError: The number of seeds or the pass rate is none.
        NpcError: The language model cannot be started.
    """
    if not 1 <= request.seeds <= MOST_SEEDS:
        raise UsageError(f"--seeds {request.seeds} is not a number of times.", hint=f"give 1 to {MOST_SEEDS}")
    if not 0 < request.pass_rate <= 1:
        raise UsageError(f"--pass-rate {request.pass_rate:g} is not a share.", hint="give more than 0, and at most 1")
    parts = list(_parts(request.files, settings))
    verdicts: list[Verdict] = []

    def tell(verdict: Verdict) -> None:
        verdicts.append(verdict)
        if not request.json:
            for line in verdict.lines(request.pass_rate, console.problem):
                console.out(shown(line))
            console.flush()

    async def play_all() -> None:
        # Without characters and ears only the language model is started.
        async with running(settings, [], ears=False, conversations=1) as engines:
            llm = settings.llm.model_copy(update={"context": engines.context_tokens})
            fitting = settings.model_copy(update={"llm": llm})
            for part in parts:
                tell(part.verdict if part.verdict.problems else await _play(part, engines.mind, fitting, request.seeds))

    if any(not part.verdict.problems for part in parts):
        if not request.json:
            console.log(shown("Loading the model …"))
        anyio.run(play_all)
    else:
        for part in parts:
            tell(part.verdict)
    passed = all(verdict.rate >= request.pass_rate for verdict in verdicts)
    if request.json:
        told = [verdict.as_json(request.pass_rate) for verdict in verdicts]
        about = {"passed": passed, "seeds": request.seeds, "pass_rate": request.pass_rate, "conversations": told}
        console.out(json.dumps(about, ensure_ascii=False, indent=2))
    else:
        console.out(shown(summary(verdicts, request.seeds, request.pass_rate)))
    return 0 if passed else 1


@dataclass(frozen=True, slots=True)
class _Part:
    """One file, ready to be played, with the verdict on it as long as it has not been."""

    verdict: Verdict
    library: Library


def _parts(files: Sequence[Path], settings: Settings) -> Iterator[_Part]:
    libraries: dict[Path, Library] = {}
    for path in files:
        file = read(path, "tests")
        library = libraries.get(file.root)
        if library is None:
            shared = [settings.content] if settings.content is not None else []
            library = libraries[file.root] = Library.load([file.root, *shared, bundled()])
        problems = (*file.problems, *conversation_problems(file, library))
        name = ""
        if isinstance(file.model, ConversationTest) and not problems:
            try:
                character = library.character(file.model.character)
                library.actions_for(character)
                scene_of(file.model, library.roots)
                name = character.name
            except ContentError as error:
                problems = error.problems
        yield _Part(Verdict(file, name, problems=problems), library)


async def _play(part: _Part, mind: LanguageModel, settings: Settings, seeds: int) -> Verdict:
    file: ContentFile = part.verdict.file
    test = file.model
    assert isinstance(test, ConversationTest), "a file without problems has its model"
    scene = scene_of(test, part.library.roots)
    assert scene is not None, "the check of the file finds scenes that are nowhere"
    runs = [await play(test, scene, part.library, mind, settings, seed) for seed in range(1, seeds + 1)]
    return Verdict(file, part.verdict.name, tuple(runs))
