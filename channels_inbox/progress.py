"""Decides how a long command shows how far it is: one line on a terminal's stderr, nothing elsewhere."""

import shutil
import sys


class Bar:
    """A progress line on a terminal's stderr; silent elsewhere."""

    def __init__(self, total: int, label: str) -> None:
        self.total, self.label, self.done, self.shown = max(1, total), label, 0, -1
        self.visible = sys.stderr.isatty()

    def advance(self, amount: int) -> None:
        self.done += amount
        percent = min(100, self.done * 100 // self.total)
        if self.visible and percent != self.shown:
            self.shown = percent
            width = max(10, min(40, shutil.get_terminal_size().columns - len(self.label) - 10))
            filled = "█" * (width * percent // 100)
            sys.stderr.write(f"\r{self.label} {filled:<{width}} {percent:3d} %")
            sys.stderr.flush()

    def close(self) -> None:
        if self.visible:
            sys.stderr.write("\n")
