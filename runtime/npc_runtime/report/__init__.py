"""The report of one turn: a single HTML file that a person opens, without a network, and plays."""

from npc_runtime.report.file import write_report

__all__ = ["write_report"]
