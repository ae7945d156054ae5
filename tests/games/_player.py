"""A player without a screen: enough of the network protocol of Minetest 5.x to join, chat, and answer windows.

Message numbers and fields follow `networkprotocol.h` of Minetest 5.6; what this player has no use for is acknowledged
and dropped.
"""

import math
import socket
import struct
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

_MAGIC = 0x4F457403
_FIRST = 65500
"""Sequence number with which every channel begins."""
_PIECE = 480
"""Bytes of a message above which it would have to be split."""
_RESEND = 0.5
_STANDS = 2.0
"""Seconds between two messages that say where we are: one that crosses an order of the server takes us back."""
_CONTROL, _ORIGINAL, _SPLIT, _RELIABLE = range(4)
_ACK, _SET_PEER_ID, _PING, _DISCO = range(4)
_FIRST_SRP = 1 << 2
_PATIENCE = 30.0


class _Reader:
    """Reads the fields of a message."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def take(self, form: str) -> tuple[float, ...]:
        values: tuple[float, ...] = struct.unpack_from(">" + form, self._data, self._at)
        self._at += struct.calcsize(">" + form)
        return values

    def text(self) -> str:
        return self._bytes(int(self.take("H")[0]))

    def long_text(self) -> str:
        return self._bytes(int(self.take("I")[0]))

    def wide(self) -> str:
        length = int(self.take("H")[0]) * 2
        piece = self._data[self._at : self._at + length]
        self._at += length
        return piece.decode("utf-16-be", "replace")

    def _bytes(self, length: int) -> str:
        piece = self._data[self._at : self._at + length]
        self._at += length
        return piece.decode("utf-8", "replace")


class Player:
    """Somebody who plays. Use as `with Player("Ann", port) as ann`.

    Args:
        name: Letters, digits, `_` and `-`.
        port: Of the server on this machine.
    """

    def __init__(self, name: str, port: int) -> None:
        self.name = name
        self.chat: list[tuple[float, str]] = []
        """When (monotonic) and what was read in the chat, without colours."""
        self.forms: list[tuple[str, str]] = []
        """Windows that were opened: name and content."""
        self.refused = ""
        """Why the server did not let us in."""
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.settimeout(0.05)
        self._address = ("127.0.0.1", port)
        self._peer = 0
        self._next = [_FIRST] * 3
        self._unconfirmed: dict[tuple[int, int], tuple[float, bytes]] = {}
        self._seen: set[tuple[int, int]] = set()
        self._pieces: dict[tuple[int, int], dict[int, bytes]] = {}
        self._position = (0.0, 0.0, 0.0)
        self._look = (0.0, 0.0)
        self._greeted = self._moved = self._ready = False
        self._over = threading.Event()
        self._lock = threading.RLock()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._deliver(0, b"", reliable=True)
        self._thread.start()
        self._until(lambda: self._peer, "no server")
        hello = struct.pack(">HBHHH", 0x02, 28, 0, 37, 41) + _string(self.name)
        deadline = time.monotonic() + _PATIENCE
        while not self._ready and not self.refused and time.monotonic() < deadline:
            if not self._greeted:
                self._deliver(1, hello)
            time.sleep(0.2)
        assert self._ready, self.refused or "the server did not let the player in"
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        self.leave()

    def leave(self) -> None:
        """Go away, as one who closes the window."""
        if self._over.is_set():
            return
        self._send(0, bytes([_CONTROL, _DISCO]))
        self._over.set()
        self._thread.join()
        self._socket.close()

    def say(self, text: str) -> float:
        """Write into the chat; returns when."""
        wide = text.encode("utf-16-be")
        now = time.monotonic()
        self._deliver(1, struct.pack(">HH", 0x32, len(wide) // 2) + wide, reliable=True)
        return now

    def answer(self, form: str, **fields: str) -> None:
        """Press something in a window."""
        body = struct.pack(">H", 0x3C) + _string(form) + struct.pack(">H", len(fields))
        for name, value in fields.items():
            body += _string(name) + struct.pack(">I", len(value.encode())) + value.encode()
        self._deliver(1, body, reliable=True)

    def read(self, part: str, *, since: float = 0.0, within: float = 15.0) -> tuple[float, str]:
        """Wait for a chat line that contains something; returns when it came, and all of it."""
        found: list[tuple[float, str]] = []

        def there() -> bool:
            found[:] = [(at, line) for at, line in list(self.chat) if at >= since and part in line][:1]
            return bool(found)

        self._until(there, f"nobody said {part!r}", within)
        return found[0]

    def window(self, name: str, *, within: float = 15.0) -> str:
        """Wait for a window and return what is in it."""
        self._until(lambda: any(form == name for form, _ in list(self.forms)), f"no window {name}", within)
        return next(content for form, content in reversed(self.forms) if form == name)

    def _until(self, true: Callable[[], object], otherwise: str, within: float = _PATIENCE) -> None:
        deadline = time.monotonic() + within
        while not true():
            assert time.monotonic() < deadline, (otherwise, self.chat[-8:])
            time.sleep(0.005)

    def _run(self) -> None:
        spoke = 0.0
        while not self._over.is_set():
            try:
                data = self._socket.recv(65536)
            except TimeoutError:
                data = b""
            except OSError:
                return
            now = time.monotonic()
            with self._lock:
                if len(data) > 7:
                    self._packet(data[6], data[7:])
                if self._ready and self._moved and now - spoke > _STANDS:
                    spoke = now
                    self._stand()
                for key, (sent, packet) in list(self._unconfirmed.items()):
                    if now - sent > _RESEND:
                        self._unconfirmed[key] = now, packet
                        self._send(key[0], packet)

    def _packet(self, channel: int, packet: bytes) -> None:
        kind = packet[0]
        if kind == _CONTROL and packet[1] == _ACK:
            self._unconfirmed.pop((channel, struct.unpack_from(">H", packet, 2)[0]), None)
        elif kind == _CONTROL and packet[1] == _SET_PEER_ID:
            self._peer = struct.unpack_from(">H", packet, 2)[0]
        elif kind == _CONTROL and packet[1] == _DISCO:
            self.refused = self.refused or "the server is gone"
        elif kind == _ORIGINAL:
            self._message(packet[1:])
        elif kind == _SPLIT:
            number, count, index = struct.unpack_from(">HHH", packet, 1)
            pieces = self._pieces.setdefault((channel, number), {})
            pieces[index] = packet[7:]
            if len(pieces) == count:
                del self._pieces[channel, number]
                self._message(b"".join(pieces[at] for at in range(count)))
        elif kind == _RELIABLE:
            number = struct.unpack_from(">H", packet, 1)[0]
            self._send(channel, struct.pack(">BBH", _CONTROL, _ACK, number))
            if (channel, number) not in self._seen:
                self._seen.add((channel, number))
                self._packet(channel, packet[3:])

    def _message(self, data: bytes) -> None:
        if len(data) < 2:
            return
        reader = _Reader(data)
        match int(reader.take("H")[0]):
            case 0x02:
                self._greeted = True
                mechanisms = int(reader.take("BHHI")[3])
                if not mechanisms & _FIRST_SRP:
                    self.refused = "this name is taken"
                    return
                join = struct.pack(">H", 0x50) + _string("salt") + _string("verifier") + b"\x01"
                self._deliver(1, join, reliable=True)
            case 0x03:
                self._deliver(1, struct.pack(">H", 0x11) + _string("en"), reliable=True)
                ready = struct.pack(">HBBBB", 0x43, 5, 6, 1, 0) + _string("5.6.1") + struct.pack(">H", 6)
                threading.Timer(0.5, self._come_in, (ready,)).start()
            case 0x0A:
                self.refused = f"access denied: {data[2:]!r}"
            case 0x2F:
                reader.take("BB")
                sender, text = reader.wide(), reader.wide()
                line = f"<{sender}> {text}" if sender else text
                self.chat.append((time.monotonic(), _plain(line)))
            case 0x34:
                *position, pitch, yaw = reader.take("fffff")
                self._position = (position[0], position[1], position[2])
                self._look = (pitch, yaw)
                self._moved = True
                if self._ready:
                    self._stand()
            case 0x44:
                content = reader.long_text()
                self.forms.append((reader.text(), content))

    def _come_in(self, ready: bytes) -> None:
        self._deliver(1, ready, reliable=True)
        self._ready = True

    def _stand(self) -> None:
        """Say where we are: where the server put us."""
        where = [math.floor(part * 100) for part in (*self._position, 0, 0, 0, *self._look)]
        self._deliver(0, struct.pack(">H8iIBB", 0x23, *where, 0, 80, 10))

    def _deliver(self, channel: int, data: bytes, *, reliable: bool = False) -> None:
        assert len(data) < _PIECE
        packet = bytes([_ORIGINAL]) + data
        with self._lock:
            if reliable:
                number = self._next[channel]
                self._next[channel] = (number + 1) % 65536
                packet = struct.pack(">BH", _RELIABLE, number) + packet
                self._unconfirmed[channel, number] = time.monotonic(), packet
            self._send(channel, packet)

    def _send(self, channel: int, packet: bytes) -> None:
        self._socket.sendto(struct.pack(">IHB", _MAGIC, self._peer, channel) + packet, self._address)


def _string(text: str) -> bytes:
    data = text.encode()
    return struct.pack(">H", len(data)) + data


def _plain(text: str) -> str:
    """Text without the escape sequences of colours and translations."""
    kept, at = [], 0
    while at < len(text):
        if text[at] == "\x1b":
            at = text.find(")", at) + 1 if text[at + 1 : at + 2] == "(" else at + 2
        else:
            kept.append(text[at])
            at += 1
    return "".join(kept)
