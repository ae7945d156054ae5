"""Where a VITS voice is cut: in front of its flow, where frames begin, and in front of its first upsampling.

VITS (Kim, Kong and Son 2021, arXiv:2106.06103) stretches the text to frames, adds noise, sends the result, z_p,
backwards through a flow, and a HiFi-GAN generator turns each frame into samples. From z_p on everything is
convolution: a frame depends on its neighbours only. The flow needs many neighbours and little work, the generator few
neighbours and most of the work; so they are two parts, each with margins of its own. Tensors are found by their
place, since every exporter names them differently.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from npc_runtime.tts.onnx_split import CannotSplitError, OnnxModel

_SPEAKER = "sid"
"""Input with the speaker's number, on which every part may depend."""


@dataclass(frozen=True, slots=True)
class Cut:
    """The tensors at which a voice falls into three parts, all shaped (1, channels, frames)."""

    prior: str
    """z_p: what the flow is run on."""
    aside: tuple[str, ...]
    """What else the flow needs of each frame: the mask."""
    latent: str
    """What the generator's first upsampling is run on."""


def find_cut(model: OnnxModel, durations: str) -> Cut:
    """Find the places.

    Args:
        model: A voice with one output.
        durations: The tensor with the frames per symbol.

    Raises:
        CannotSplitError: This is not a VITS voice as we know it.
    """
    audio = model.outputs[0]
    timed = model.dependents([durations])
    text = model.dependents(name for name in model.inputs if name != _SPEAKER)
    path = [model.nodes[index] for index in model.between((), [audio])[0]]
    latent = next((node.inputs[0] for node in path if node.operator == "ConvTranspose" and node.inputs[0] in timed), "")
    if not latent:
        raise CannotSplitError("it has no upsampling generator")
    noises = [
        node.outputs[0]
        for node in path
        if node.operator in ("RandomNormalLike", "RandomNormal") and node.inputs and node.inputs[0] in timed
    ]
    if len(noises) != 1:
        raise CannotSplitError(f"noise enters its frames in {len(noises)} places")
    prior = _sum_with(model, noises[0])
    framed = model.dependents([prior])
    if latent not in framed:
        raise CannotSplitError("its generator does not follow its noise")

    nodes, _ = model.between((prior,), [latent])
    flow = [model.nodes[index] for index in nodes if not framed.isdisjoint(model.nodes[index].outputs)]
    needed = {name for node in flow for name in node.inputs}
    aside = tuple(sorted((needed & text) - framed))
    _refuse_text(model, (prior, *aside), latent, text)
    _refuse_text(model, (latent,), audio, text)
    return Cut(prior, aside, latent)


def split(model: OnnxModel, cut: Cut, durations: str) -> Iterator[bytes]:
    """Cut a voice into its parts, one at a time, since together they are as large as the voice.

    Yields:
        Models: text to z_p, frames per symbol and what goes aside; z_p to the generator's input, as many frames; and
        that to sound.

    Raises:
        CannotSplitError: A part would miss something.
    """
    yield model.part(model.inputs, [cut.prior, durations, *cut.aside])
    yield model.part([cut.prior, *cut.aside], [cut.latent])
    yield model.part([cut.latent], [model.outputs[0]])


def _sum_with(model: OnnxModel, noise: str) -> str:
    """The tensor in which noise, scaled, is added to the mean."""
    tensor = noise
    while True:
        users = [node for node in model.nodes if tensor in node.inputs]
        if len(users) != 1 or users[0].operator not in ("Mul", "Add"):
            raise CannotSplitError("its noise is not simply added")
        tensor = users[0].outputs[0]
        if users[0].operator == "Add":
            return tensor


def _refuse_text(model: OnnxModel, inputs: tuple[str, ...], output: str, text: set[str]) -> None:
    """Frames must depend on the text through the cut only."""
    taken = model.between(inputs, [output])[1]
    if stray := sorted((taken & text).difference(inputs)):
        raise CannotSplitError(f"{output} depends on {stray[0]} directly")
