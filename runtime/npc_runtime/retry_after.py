"""When a service may be asked again, as the headers of its answer say."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

_LONGEST_WAIT = 86_400.0
_DURATION = re.compile(r"(?:(\d+)h)?(?:(\d+)m(?!s))?(?:([\d.]+)s)?(?:([\d.]+)ms)?")


def retry_after(headers: Mapping[str, str], now: datetime | None = None) -> float | None:
    """Seconds after which a service may be asked again, by its headers; None if they do not say.

    It reads `Retry-After` (seconds or a date, RFC 9110 section 10.2.3), `retry-after-ms`, and `x-ratelimit-reset*`
    (a duration such as `6m0s`, seconds, or a point in time in seconds or milliseconds) of limits that are used up.
    """
    now = now or datetime.now(UTC)
    lower = {key.lower(): value.strip() for key, value in headers.items()}
    if (milliseconds := _number(lower.get("retry-after-ms", ""))) is not None:
        return _bounded(milliseconds / 1000)
    if value := lower.get("retry-after", ""):
        if (seconds := _number(value)) is not None:
            return _bounded(seconds)
        try:
            date = parsedate_to_datetime(value)
        except (ValueError, TypeError, OverflowError):
            date = None
        if date is not None:
            aware = date if date.tzinfo else date.replace(tzinfo=UTC)
            return _bounded((aware - now).total_seconds())
    waits = []
    for key, value in lower.items():
        if key.startswith("x-ratelimit-reset"):
            left = lower.get(key.replace("-reset", "-remaining", 1), "0")
            wait = _reset(value, now)
            if wait is not None and _number(left) in (0.0, None):
                waits.append(wait)
    return _bounded(max(waits)) if waits else None


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if abs(value) < 1e15 else None  # and not a number that is none


def _reset(value: str, now: datetime) -> float | None:
    number = _number(value)
    if number is None:
        match = _DURATION.fullmatch(value)
        if not value or match is None or not any(match.groups()):
            return None
        hours, minutes, seconds, milliseconds = (_number(part or "0") or 0.0 for part in match.groups())
        return hours * 3600 + minutes * 60 + seconds + milliseconds / 1000
    if number > 1e11:
        return number / 1000 - now.timestamp()
    return number - now.timestamp() if number > 1e8 else number


def _bounded(seconds: float) -> float:
    return min(max(seconds, 0.0), _LONGEST_WAIT)
