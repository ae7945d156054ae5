"""Makes a child process behave as on a machine where a package or a library is not installed."""

import importlib.abc
import os
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType


class Hide(importlib.abc.MetaPathFinder):
    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        hidden = os.environ.get("NPC_TEST_HIDE", "")
        if name == hidden:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        if hidden == "libgomp" and name == "xllamacpp":
            raise ImportError("libgomp.so.1: cannot open shared object file: No such file or directory")
        return None


sys.meta_path.insert(0, Hide())
