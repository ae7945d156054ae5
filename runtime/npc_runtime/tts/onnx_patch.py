"""A patch that makes an ONNX model give out one more tensor, without a library that understands ONNX.

An ONNX file is one protobuf message. A parser that meets an embedded message twice merges the two, and merging
appends to repeated fields; so a model followed by a tiny model that holds nothing but `graph.output.name` is the
same model with one more output. Field numbers are those of the public `onnx.proto3`.
"""

from collections.abc import Iterator
from dataclasses import dataclass

MODEL_GRAPH = 7
GRAPH_NODE = 1
GRAPH_OUTPUT = 12
NODE_OUTPUT = 2
NODE_OP_TYPE = 4
VALUE_NAME = 1

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


@dataclass(frozen=True, slots=True)
class Graph:
    """The little that is needed of a model's graph."""

    outputs: tuple[str, ...]
    """Names of the tensors it gives out."""
    results: tuple[tuple[str, str], ...]
    """Operator and first output of each node, in file order."""

    def of(self, operator: str) -> tuple[str, ...]:
        """First outputs of the nodes of one operator, such as `Ceil`."""
        return tuple(output for name, output in self.results if name == operator)


def read_graph(model: bytes) -> Graph:
    """Read the nodes and outputs of a model; weights are skipped, not copied.

    Raises:
        ValueError: The bytes are not a whole ONNX model.
    """
    outputs: list[str] = []
    results: list[tuple[str, str]] = []
    found = False
    for number, graph in messages(memoryview(model)):
        if number != MODEL_GRAPH:
            continue
        found = True
        for kind, message in messages(graph):
            if kind == GRAPH_NODE:
                results.append(_node(message))
            elif kind == GRAPH_OUTPUT:
                outputs.extend(text(value) for name, value in messages(message) if name == VALUE_NAME)
    if not found or not outputs:
        raise ValueError("there is no graph in it")
    return Graph(tuple(outputs), tuple(results))


def expose(model: bytes, tensor: str) -> bytes:
    """The model with one more output.

    Args:
        model: A whole ONNX model.
        tensor: Name of a tensor inside its graph.
    """
    name = field(VALUE_NAME, tensor.encode("utf-8"))
    return model + field(MODEL_GRAPH, field(GRAPH_OUTPUT, name))


def _node(message: memoryview) -> tuple[str, str]:
    operator, output = "", ""
    for number, value in messages(message):
        if number == NODE_OP_TYPE:
            operator = text(value)
        elif number == NODE_OUTPUT and not output:
            output = text(value)
    return operator, output


def text(value: memoryview) -> str:
    """The content of a string field."""
    return bytes(value).decode("utf-8")


def field(number: int, content: bytes | memoryview) -> bytes:
    """One length-delimited field."""
    return b"".join((head(number, len(content)), content))


def head(number: int, length: int) -> bytes:
    """What stands in front of the content of a length-delimited field."""
    return _encode(number << 3 | _BYTES) + _encode(length)


def _encode(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _decode(data: memoryview, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(data):
            raise ValueError("it ends too early")
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    raise ValueError("it is not a protobuf message")


def messages(data: memoryview) -> Iterator[tuple[int, memoryview]]:
    """Number and content of each length-delimited field; the others are checked and skipped."""
    for number, content, _ in fields(data):
        if content is not None:
            yield number, content


def fields(data: memoryview) -> Iterator[tuple[int, memoryview | None, memoryview]]:
    """Number, content and raw bytes of each field; the content is None unless it is length-delimited.

    Raises:
        ValueError: The bytes are not a whole protobuf message.
    """
    at = 0
    while at < len(data):
        begin = at
        tag, at = _decode(data, at)
        number, kind = tag >> 3, tag & 7
        if number == 0:
            raise ValueError("it is not a protobuf message")
        start = at
        if kind == _BYTES:
            size, start = _decode(data, at)
            at = start + size
        elif kind == _VARINT:
            _, at = _decode(data, at)
        elif kind in (_FIXED64, _FIXED32):
            at += 8 if kind == _FIXED64 else 4
        else:
            raise ValueError("it is not a protobuf message")
        if at > len(data):
            raise ValueError("it ends too early")
        yield number, data[start:at] if kind == _BYTES else None, data[begin:at]
