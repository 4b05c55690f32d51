"""``python -m tellapart``: the program ``tellapart``."""

from .cli import main

if __name__ == "__main__":
    main()
