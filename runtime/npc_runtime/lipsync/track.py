"""The canonical mouth track: timed phones laid out as segments that tile the clip sample by sample."""

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from npc_runtime.lipsync.contact import widen
from npc_runtime.lipsync.table import SILENCE, VOWELS, PhoneTable, Pose, Shapes, phone_table
from npc_runtime.speech import TimedPhone


@dataclass(frozen=True, slots=True)
class Segment:
    """One pose and when it shows."""

    start: int
    """First sample."""
    end: int
    """First sample after it; always more than `start`."""
    pose: Pose
    """What the mouth shows."""
    spoken: Pose
    """What is said; differs from `pose` where a phone has no look of its own, as `h`."""
    jaw: float
    """How far the jaw is open, 0..1."""
    gain: float = 1.0
    """Factor on the weights of the pose: more when stressed, less when quiet."""

    @property
    def shapes(self) -> Shapes:
        """Canonical shapes with their weights, 0..1, strongest first."""
        return tuple((name, min(1.0, weight * self.gain)) for name, weight in self.pose.shapes)


@dataclass(frozen=True, slots=True)
class Track:
    """Segments without gap or overlap: each begins where the one before it ends, the first at sample 0."""

    rate: int
    """Samples per second."""
    segments: tuple[Segment, ...]
    unknown_phones: Mapping[str, int] = field(default_factory=dict)
    """Phones that the table does not have and how often each occurs; they show a neutral vowel."""

    @property
    def samples(self) -> int:
        """Length in samples."""
        return self.segments[-1].end if self.segments else 0


@dataclass(frozen=True, slots=True)
class _Part:
    pose: Pose
    spoken: Pose
    gain: float
    samples: int


def track(phones: Sequence[TimedPhone], rate: int, language: str) -> Track:
    """Lays out the mouth poses of timed phones.

    Halves of a diphthong or affricate inside a word become one phone, whose steps share its time as the table says.
    `h` shows the vowel after it and a glottal stop what was before it. Closures of the lips last at least 25 ms, one
    and a half video frames at 60 frames per second, at the cost of their neighbours.

    Args:
        phones: Phones in order; the track is as long as they are together.
        rate: Samples per second.
        language: ISO 639-1 code.

    Raises:
        ValueError: The rate is not positive or a phone lasts less than 0 samples.
    """
    if rate <= 0 or any(phone.samples < 0 for phone in phones):
        raise ValueError("a mouth track needs a positive rate and phones of 0 samples or more")
    table = phone_table()
    unknown: Counter[str] = Counter()
    parts: list[_Part] = []
    for phone in _join(_attach_marks(phones, table), table, language):
        found = table.resolve(phone.ipa, language)
        unknown.update(found.unknown)
        parts += _split(phone, found.poses or (SILENCE,), table.stress)
    parts = _hold(parts)
    contacts = [next((name for name, _ in part.pose.shapes if name in table.contacts), "") for part in parts]
    needs = {name: math.ceil(contact.ms * rate / 1000) for name, contact in table.contacts.items()}
    lengths = widen([part.samples for part in parts], contacts, needs)
    return Track(rate, tuple(_lay_out(parts, lengths, table)), dict(unknown))


def _attach_marks(phones: Iterable[TimedPhone], table: PhoneTable) -> Iterator[TimedPhone]:
    """Gives a length mark or accent that arrives on its own, and its time, to the phone before it."""
    waiting: TimedPhone | None = None
    for phone in phones:
        if waiting is not None and table.is_mark(phone.ipa):
            waiting = replace(waiting, ipa=waiting.ipa + phone.ipa, samples=waiting.samples + phone.samples)
            continue
        if waiting is not None:
            yield waiting
        waiting = phone
    if waiting is not None:
        yield waiting


def _join(phones: Iterable[TimedPhone], table: PhoneTable, language: str) -> Iterator[TimedPhone]:
    """Merges the halves of diphthongs and affricates, unless a word or a stressed syllable begins between them."""
    waiting: TimedPhone | None = None
    for phone in phones:
        if waiting is None:
            waiting = phone
            continue
        apart = phone.word_start or (phone.stressed and not waiting.stressed)
        if not apart and table.joins(waiting.ipa, phone.ipa, language):
            yield replace(waiting, ipa=waiting.ipa + phone.ipa, samples=waiting.samples + phone.samples)
            waiting = None
        else:
            yield waiting
            waiting = phone
    if waiting is not None:
        yield waiting


def _split(phone: TimedPhone, poses: Sequence[Pose], stress: float) -> Iterator[_Part]:
    """Divides the samples of a phone among its poses by their shares, exactly."""
    gain = stress if phone.stressed else 1.0
    share = 0.0
    begin = 0
    for index, pose in enumerate(poses):
        share += pose.share
        end = int(phone.samples) if index == len(poses) - 1 else round(share * phone.samples)
        yield _Part(pose, pose, gain, end - begin)
        begin = end


def _hold(parts: Sequence[_Part]) -> list[_Part]:
    """Lends the pose of a neighbour to phones that have none to see."""
    result = list(parts)
    for index in reversed(range(len(result))):
        if result[index].pose.hold == "next":
            after = result[index + 1] if index + 1 < len(result) else None
            before = result[index - 1] if index else None
            lender = next((part for part in (after, before) if part is not None and part.pose.kind in VOWELS), None)
            if lender is not None:
                result[index] = replace(result[index], pose=lender.pose, gain=lender.gain)
    for index, part in enumerate(result):
        if part.pose.hold == "previous":
            before = result[index - 1] if index else None
            result[index] = replace(part, pose=before.pose if before else SILENCE, gain=before.gain if before else 1.0)
    return result


def _lay_out(parts: Sequence[_Part], lengths: Sequence[int], table: PhoneTable) -> Iterator[Segment]:
    start = 0
    for part, length in zip(parts, lengths, strict=True):
        if length:
            cap = min((table.jaw_caps.get(name, 1.0) for name, _ in part.pose.shapes), default=1.0)
            jaw = min(cap, part.pose.jaw * part.gain)
            yield Segment(start, start + length, part.pose, part.spoken, jaw, part.gain)
            start += length
