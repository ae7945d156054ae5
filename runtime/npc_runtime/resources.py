"""Where the files that ship with the package are: inside an installed wheel, or in the checkout it runs from."""

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent
_BUNDLED = _PACKAGE / "bundled"


def bundled(*parts: str) -> Path:
    """Path of a shipped file or folder.

    Args:
        parts: Path below the project's top level, such as `"assets", "models.toml"`.
    """
    root = _BUNDLED if _BUNDLED.is_dir() else _PACKAGE.parents[1]
    return root.joinpath(*parts)
