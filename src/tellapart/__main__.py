"""``python -m tellapart`` and ``tellapart``: the program in a process of its own."""

import gc

from .cli import main


def program() -> None:
    """Run the program and end the process.

    The imports alone make some hundred thousand objects that stay: Python would search all of them for cycles while
    they are loaded, and twice more while it ends.
    """
    gc.set_threshold(50_000, 20, 20)
    try:
        main()
    finally:
        gc.freeze()


if __name__ == "__main__":
    program()
