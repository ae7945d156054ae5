"""A part of an ONNX model as a model of its own, cut out at tensors, without a library that understands ONNX.

An ONNX graph is a list of nodes, each naming the tensors it reads and makes; a part is the nodes between two sets of
names, with the weights that they use. Only the wire format is touched: nodes and weights are copied byte for byte.
Field numbers are those of the public `onnx.proto3`.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from functools import cached_property

from npc_runtime.tts.onnx_patch import (
    GRAPH_NODE,
    GRAPH_OUTPUT,
    MODEL_GRAPH,
    NODE_OP_TYPE,
    NODE_OUTPUT,
    VALUE_NAME,
    field,
    fields,
    head,
    messages,
    text,
)

_NODE_INPUT = 1
_GRAPH_NAME = 2
_GRAPH_WEIGHT = 5
_GRAPH_INPUT = 11
_GRAPH_VALUE = 13
_WEIGHT_NAME = 8

_NESTED = frozenset(["If", "Loop", "Scan", "SequenceMap"])
"""Operators with a graph inside, which reads tensors that the node does not name."""


class CannotSplitError(ValueError):
    """This model cannot be cut this way."""


@dataclass(frozen=True, slots=True)
class Node:
    """One operation of a graph."""

    operator: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    message: memoryview
    """As it stands in the file."""


@dataclass(frozen=True)
class OnnxModel:
    """A model whose graph can be walked; it keeps the bytes it was read from."""

    header: bytes
    """All that is not the graph: versions, operator sets, metadata."""
    nodes: tuple[Node, ...]
    """In file order, in which every node follows those that it reads from."""
    weights: dict[str, memoryview]
    values: dict[str, memoryview]
    """Type and shape of tensors, as far as they are stated."""
    inputs: tuple[str, ...]
    """Names of the tensors that must be given; not of weights, which old exporters list as well."""
    outputs: tuple[str, ...]

    @cached_property
    def maker(self) -> dict[str, int]:
        """Index of the node that makes each tensor."""
        return {name: index for index, node in enumerate(self.nodes) for name in node.outputs if name}

    def dependents(self, sources: Iterable[str]) -> set[str]:
        """The tensors that are made from any of these, and these themselves."""
        found = set(sources)
        for node in self.nodes:
            if not found.isdisjoint(node.inputs):
                found.update(node.outputs)
        found.discard("")
        return found

    def between(self, inputs: Collection[str], outputs: Iterable[str]) -> tuple[list[int], set[str]]:
        """What makes these outputs when these inputs are given.

        Returns:
            Indexes of the nodes in file order, and every tensor they take from outside: weights and inputs.

        Raises:
            CannotSplitError: A tensor comes from nowhere, or there is an operator with a graph inside.
        """
        nodes: set[int] = set()
        taken: set[str] = set()
        waiting = list(outputs)
        while waiting:
            name = waiting.pop()
            if not name or name in taken:
                continue
            if name in inputs or name in self.weights or name in self.inputs:
                taken.add(name)
                continue
            index = self.maker.get(name)
            if index is None:
                raise CannotSplitError(f"nothing makes the tensor {name}")
            if index in nodes:
                continue
            if self.nodes[index].operator in _NESTED:
                raise CannotSplitError(f"it has an operator {self.nodes[index].operator}")
            nodes.add(index)
            waiting.extend(self.nodes[index].inputs)
        return sorted(nodes), taken

    def part(self, inputs: Collection[str], outputs: Collection[str]) -> bytes:
        """A model that makes `outputs` from `inputs`, and from those of the whole model's own inputs that it needs.

        Raises:
            CannotSplitError: See `between`.
        """
        nodes, taken = self.between(inputs, outputs)
        given = [name for name in (*inputs, *self.inputs) if name in taken and name not in self.weights]
        entries: list[tuple[int, bytes | memoryview]] = [(GRAPH_NODE, self.nodes[index].message) for index in nodes]
        entries.append((_GRAPH_NAME, b"part"))
        entries += [(_GRAPH_WEIGHT, self.weights[name]) for name in self.weights if name in taken]
        entries += [(_GRAPH_INPUT, self._value(name)) for name in dict.fromkeys(given)]
        entries += [(GRAPH_OUTPUT, self._value(name)) for name in outputs]
        # All is joined at once: weights are tens of megabytes, and each copy of them takes a while.
        graph = [piece for number, content in entries for piece in (head(number, len(content)), content)]
        return b"".join((self.header, head(MODEL_GRAPH, sum(map(len, graph))), *graph))

    def _value(self, name: str) -> bytes:
        """Name, type and shape; floats of any shape if nothing is stated, since a graph's inputs need a type."""
        return bytes(self.values[name]) if name in self.values else field(VALUE_NAME, name.encode()) + _ANY_FLOAT


_ANY_FLOAT = field(2, field(1, b"\x08\x01"))
"""`ValueInfoProto.type.tensor_type.elem_type = FLOAT`."""


def read_model(content: bytes) -> OnnxModel:
    """Read a model; its weights are not copied.

    Raises:
        ValueError: The bytes are not a whole ONNX model.
    """
    header: list[memoryview] = []
    nodes: list[Node] = []
    weights: dict[str, memoryview] = {}
    values: dict[str, memoryview] = {}
    names: dict[int, list[str]] = {_GRAPH_INPUT: [], GRAPH_OUTPUT: []}
    for number, graph, raw in fields(memoryview(content)):
        if number != MODEL_GRAPH or graph is None:
            header.append(raw)
            continue
        for kind, message in messages(graph):
            if kind == GRAPH_NODE:
                nodes.append(_node(message))
            elif kind == _GRAPH_WEIGHT:
                weights[_name(message, _WEIGHT_NAME)] = message
            elif kind in (_GRAPH_INPUT, GRAPH_OUTPUT, _GRAPH_VALUE):
                name = _name(message, VALUE_NAME)
                if len(message) > len(field(VALUE_NAME, name.encode())):
                    values[name] = message
                if kind != _GRAPH_VALUE:
                    names[kind].append(name)
    inputs = tuple(name for name in names[_GRAPH_INPUT] if name not in weights)
    return OnnxModel(b"".join(header), tuple(nodes), weights, values, inputs, tuple(names[GRAPH_OUTPUT]))


def _node(message: memoryview) -> Node:
    operator = ""
    inputs: list[str] = []
    outputs: list[str] = []
    for number, value in messages(message):
        if number == _NODE_INPUT:
            inputs.append(text(value))
        elif number == NODE_OUTPUT:
            outputs.append(text(value))
        elif number == NODE_OP_TYPE:
            operator = text(value)
    return Node(operator, tuple(inputs), tuple(outputs), message)


def _name(message: memoryview, number: int) -> str:
    return next((text(value) for found, value in messages(message) if found == number), "")
