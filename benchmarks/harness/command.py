"""The command line that all questions share."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from .question import Comparison, run
from .result import PeerError
from .table import markdown, publish


def parser(description: str, *, rounds: int, data: str | None = None) -> argparse.ArgumentParser:
    """Return a parser with what every question takes.

    Args:
        description: the question.
        rounds: the default number of rounds.
        data: what ``--data`` must be; no such option where None.
    """
    made = argparse.ArgumentParser(description=description)
    if data is not None:
        made.add_argument("--data", type=Path, required=True, help=data)
    made.add_argument("--rounds", type=int, default=rounds, help="how often each peer runs, in turn (%(default)s)")
    made.add_argument("--only", action="append", default=[], metavar="TEXT", help="only peers whose name has this text")
    made.add_argument("--go-on", action="store_true", help="measure what the last run, which was stopped, lacks")
    made.add_argument("--dry", action="store_true", help="print the tables, change no file of the repository")
    return made


def answer(
    comparisons: Callable[[argparse.Namespace], Sequence[Comparison]], *, options: argparse.Namespace, folder: Path
) -> int:
    """Run a question's comparisons, one after the other, and write each as soon as it is complete.

    Args:
        comparisons: builds them from the options; may prepare pictures.
        options: the parsed command line.
        folder: the question's.

    Returns:
        The exit status: 0, or 1 where a peer failed.
    """
    if options.rounds < 1:
        print(f"--rounds must be at least 1, got {options.rounds}", file=sys.stderr)
        return 2
    try:
        for comparison in comparisons(options):
            chosen = choose(comparison, texts=options.only)
            result = run(chosen, rounds=options.rounds, question=folder.name, go_on=options.go_on)
            print("\n" + markdown(result) + "\n", flush=True)
            if options.dry or chosen is not comparison:
                print("not written: " + ("--dry" if options.dry else "--only left peers out"))
            else:
                publish([result], folder=folder)
    except PeerError as error:
        print(f"FAILED: {error}", file=sys.stderr)
        return 1
    return 0


def choose(comparison: Comparison, *, texts: Sequence[str]) -> Comparison:
    """Return the comparison with those peers alone whose names have one of the texts; itself where there is none.

    Raises:
        PeerError: no peer is left.
    """
    if not texts:
        return comparison
    peers = tuple(peer for peer in comparison.peers if any(text.lower() in peer.name.lower() for text in texts))
    if not peers:
        raise PeerError(f"--only {texts} leaves no peer: there are {', '.join(peer.name for peer in comparison.peers)}")
    kept = [peer.name for peer in peers]
    reference = comparison.reference if comparison.reference in kept else kept[0]
    return Comparison(comparison.title, peers, reference, comparison.columns)
