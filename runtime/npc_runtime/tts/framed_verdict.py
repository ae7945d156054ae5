"""The verdict on a voice: whether framed decoding gives what whole decoding gives, remembered between runs."""

import hashlib
import json
import logging
from dataclasses import asdict, dataclass
from pathlib import Path

from npc_runtime.errors import NpcError
from npc_runtime.files import whole_file

_REVISION = 1
"""Counts up when the cut or the check changes, so that older verdicts are forgotten."""
_MAX_BYTES = 10_000

_log = logging.getLogger(__name__)


Margins = tuple[int, int, int, int]
"""Frames that the flow needs before and after a piece, and the generator before and after."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the check of one voice found; margins are in frames."""

    reason: str
    """Why the voice must be decoded whole; empty if it can be framed."""
    flow_left: int = 0
    flow_right: int = 0
    generator_left: int = 0
    generator_right: int = 0
    difference: float = 0.0
    """Largest difference to whole decoding in one sample."""

    @property
    def framed(self) -> bool:
        """Whether framed decoding is right for this voice."""
        return not self.reason

    @property
    def margins(self) -> Margins:
        """All four."""
        return (self.flow_left, self.flow_right, self.generator_left, self.generator_right)


class VerdictFile:
    """Where the verdict on one model is remembered.

    Args:
        folder: Made when needed.
        model: The bytes of the voice's model.
        engine: Name and version of what runs it: another version may compute differently.
    """

    def __init__(self, folder: Path, model: bytes, engine: str) -> None:
        digest = hashlib.sha256(model)
        digest.update(f"{engine} {_REVISION}".encode())
        self.path = folder / f"framed-{digest.hexdigest()[:32]}.json"

    def read(self) -> Verdict | None:
        """The verdict, if there is one that can be read."""
        try:
            with self.path.open(encoding="utf-8") as file:
                entry = json.loads(file.read(_MAX_BYTES))
            verdict = Verdict(
                reason=str(entry["reason"]),
                flow_left=int(entry["flow_left"]),
                flow_right=int(entry["flow_right"]),
                generator_left=int(entry["generator_left"]),
                generator_right=int(entry["generator_right"]),
                difference=float(entry["difference"]),
            )
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError, KeyError, RecursionError) as error:
            _log.debug("The file %s is not used: %s.", self.path, error)
            return None
        return verdict if min(verdict.margins) >= 0 else None

    def write(self, verdict: Verdict) -> None:
        """Remember a verdict; where that is not possible, the voice is checked again next time."""
        try:
            with whole_file(self.path) as part:
                part.write_text(json.dumps(asdict(verdict), indent=1) + "\n", encoding="utf-8")
        except NpcError as error:
            _log.debug("The check of a voice is not remembered: %s", error)
