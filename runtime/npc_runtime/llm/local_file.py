"""A local model from its file: what the file says decides how it is served and what it is told."""

import logging
from collections.abc import Callable, Collection
from dataclasses import replace
from pathlib import Path
from typing import Literal

from npc_runtime.llm.child import ChildConfig
from npc_runtime.llm.families import family_of
from npc_runtime.llm.gguf import Header, read_header
from npc_runtime.llm.local import LocalModel
from npc_runtime.llm.weights_folder import read_folder
from npc_runtime.models.hardware import Machine, this_machine
from npc_runtime.models.offload import Shape, layers_on_gpu

_log = logging.getLogger(__name__)


def local_model(
    name: str,
    config: ChildConfig,
    *,
    gpu_layers: int | Literal["auto"] = 0,
    timeout: float = 20.0,
    again: bool = True,
    languages: Collection[str] = (),
    machine: Callable[[], Machine] = this_machine,
) -> LocalModel:
    """The model in a file, or in a folder for the engine `transformers`.

    Its window is never larger than what the model was trained for: beyond it, models write nonsense.

    Args:
        name: What `usage` calls it.
        config: How to serve it; `gpu_layers` of it is replaced.
        gpu_layers: How many layers the graphics processor takes; `auto` measures its memory.
        timeout: Seconds without a new token after which the engine counts as hanging.
        again: As in `LocalModel`.
        languages: As in `LocalModel`.
        machine: Looks at the machine, if that is needed.

    Raises:
        ModelError: The file is missing, damaged, or no language model.
    """
    path = Path(config.model)
    header = read_folder(path) if config.engine == "transformers" else read_header(path)
    context = config.context
    if header.context and context > header.context:
        _log.warning(
            "%s was trained for a context of %d tokens: llm.context = %d is cut to that.",
            name,
            header.context,
            context,
        )
        context = header.context
    if gpu_layers == "auto":
        gpu_layers = layers_on_gpu(machine(), _shape(header), context=context, slots=config.slots)
    config = replace(config, context=context, gpu_layers=gpu_layers)
    template = family_of(header, path.name)
    _log.info(
        "%s is of the family %s and is told what is said in the form %s.", name, header.architecture, template.name
    )
    return LocalModel(
        name,
        config,
        template=template,
        parameters=header.parameters,
        timeout=timeout,
        again=again,
        languages=languages,
    )


def _shape(header: Header) -> Shape:
    return Shape(header.weights, header.blocks, header.cache_bytes)
