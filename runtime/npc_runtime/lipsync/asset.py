"""Reading the data files of the package in `assets/visemes/`."""

from pathlib import Path
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError

from npc_runtime.errors import SetupError

_REINSTALL = "the installation is damaged: install npc-runtime again"
_T = TypeVar("_T")


def read_asset(path: Path, kind: type[_T]) -> _T:
    """Reads and validates a JSON file of the package.

    Args:
        path: The file.
        kind: A dataclass that describes it; unknown keys are errors.

    Raises:
        SetupError: The file is missing or does not fit.
    """
    try:
        return TypeAdapter(kind).validate_json(path.read_bytes())
    except OSError as error:
        raise SetupError(f"{path}: cannot be read: {error.strerror}", hint=_REINSTALL) from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise damaged(path, f"{where}: {first['msg']}" if where else first["msg"]) from error


def damaged(path: Path, what: str) -> SetupError:
    """The error for a file of the package that contradicts itself."""
    return SetupError(f"{path}: {what}", hint=_REINSTALL)
