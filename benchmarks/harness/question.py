"""A question: who is compared in what, and the rounds that answer it."""

from __future__ import annotations

import dataclasses
import datetime
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from . import environment, machine
from .process import Measured, measure
from .result import PeerError, Result, parse

ROOT = environment.BENCHMARKS.parent
RESULTS = environment.BENCHMARKS / "results"


@dataclasses.dataclass(frozen=True)
class Peer:
    """One side of a comparison: a whole process.

    Attributes:
        name: what the table calls it.
        environment: a folder in ``benchmarks/environments``, or "tellapart".
        arguments: what the environment's Python is given: ``("-m", "benchmarks.step.keras_peer", ...)``; ``{round}``
            stands for the round's number, for a peer whose seed differs from round to round.
        variables: its environment variables.
        reports: whether it prints a result line; a bare command is measured from outside alone.
        once: whether it runs in the first round alone: one that takes half an hour.
    """

    name: str
    environment: str
    arguments: tuple[str, ...]
    variables: Mapping[str, str] = dataclasses.field(default_factory=dict)
    reports: bool = True
    once: bool = False


@dataclasses.dataclass(frozen=True)
class Column:
    """One figure of the table.

    Attributes:
        key: in a peer's figures, or ``wall_s``, ``cpu_s``, ``peak_memory_mb``, ``others_share`` of the harness.
        label: with the unit.
        digits: behind the point.
        percent: shown times 100.
        ratio: whether a table of ratios to the reference has it too.
    """

    key: str
    label: str
    digits: int = 1
    percent: bool = False
    ratio: bool = False


WALL = Column("wall_s", "process start to end, s", digits=1, ratio=True)
MEMORY = Column("peak_memory_mb", "peak memory, MiB", digits=0, ratio=True)
OTHERS = Column("others_share", "CPU used by others, %", digits=0, percent=True)


@dataclasses.dataclass(frozen=True)
class Comparison:
    """Peers that are run in turn, and the columns that they are compared in.

    Attributes:
        title: the table's heading.
        peers: in the order in which each round runs them.
        reference: the name of the peer that ratios are taken to.
        columns: of the table.
    """

    title: str
    peers: tuple[Peer, ...]
    reference: str
    columns: tuple[Column, ...]

    def __post_init__(self) -> None:
        known = [peer.name for peer in self.peers]
        if len(set(known)) != len(known) or self.reference not in known:
            raise ValueError(f"names must differ and {self.reference!r} be among them, got {known}")


@dataclasses.dataclass(frozen=True)
class Row:
    """All that one peer gave: a list of values for each figure, in the order of the rounds."""

    peer: str
    figures: Mapping[str, Sequence[float]]
    versions: Mapping[str, str]
    notes: str = ""


@dataclasses.dataclass(frozen=True)
class Answer:
    """What a comparison gave, and where and when."""

    title: str
    reference: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    rounds: int
    machine: Mapping[str, object]
    date: str


def run(comparison: Comparison, *, rounds: int, question: str, go_on: bool = False) -> Answer:
    """Run A B A B ... and return every value.

    Args:
        comparison: who and what.
        rounds: how often each peer runs, at least 1.
        question: the question's folder name; logs and raw results go to ``benchmarks/results/<question>``.
        go_on: take up the last run of this comparison that was stopped, and measure what it lacks.

    Raises:
        PeerError: a peer failed; no table is written then, and what was measured can be gone on with.
    """
    pythons = {peer.environment: environment.prepare(peer.environment) for peer in comparison.peers}
    folder = _folder(comparison.title, RESULTS / question, go_on=go_on)
    runs: dict[str, list[Result]] = {peer.name: [] for peer in comparison.peers}
    for number in range(1, rounds + 1):
        for peer in (peer for peer in comparison.peers if number == 1 or not peer.once):
            kept = folder / f"{_file_name(peer.name)}-{number}.json"
            if kept.exists():
                runs[peer.name].append(_taken_up(kept, peer))
                continue
            found = _once(peer, pythons[peer.environment], kept.with_suffix(".log"), number=number)
            document = {"asked": _asked(peer), "result": dataclasses.asdict(found)}
            kept.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
            runs[peer.name].append(found)
            _tell(comparison.title, peer, found, f"{number}/{rounds}")
    rows = tuple(_row(name, results) for name, results in runs.items())
    date = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d")
    shape = (comparison.title, comparison.reference, comparison.columns, rows)
    answer = Answer(*shape, rounds=rounds, machine=machine.describe(), date=date)
    (folder / "raw.json").write_text(json.dumps(dataclasses.asdict(answer), indent=1, ensure_ascii=False) + "\n")
    return answer


def _asked(peer: Peer) -> list[str]:
    """Return what a peer was asked to do, and of which tellapart and machine: no other figures are gone on with."""
    variables = [f"{name}={value}" for name, value in sorted(peer.variables.items())]
    return [*variables, *peer.arguments, machine.sentence(machine.describe())]


def _taken_up(kept: Path, peer: Peer) -> Result:
    document = json.loads(kept.read_text(encoding="utf-8"))
    if document.get("asked") != _asked(peer):
        raise PeerError(
            f"{kept} was measured otherwise, at another commit or on another machine: start anew, without --go-on"
        )
    return Result(**document["result"])


def _folder(title: str, parent: Path, *, go_on: bool) -> Path:
    """Return where a run keeps what it measures: a new folder, or the last one, if that has no answer yet."""
    last = max(parent.glob(f"*Z-{_file_name(title)}"), default=None)
    if go_on and last is not None and not (last / "raw.json").exists():
        return last
    started = datetime.datetime.now(datetime.UTC).strftime("%Y%m%dT%H%M%S%fZ")
    return parent / f"{started}-{_file_name(title)}"


def _once(peer: Peer, python: Path, log: Path, *, number: int) -> Result:
    """Run a peer; what the system says of its process joins its own figures."""
    arguments = [argument.replace("{round}", str(number)) for argument in peer.arguments]
    measured = measure([str(python), *arguments], variables=peer.variables, cwd=ROOT, log=log)
    try:
        result = parse(measured.output) if peer.reports else Result({}, {})
    except PeerError as error:
        raise PeerError(f"{peer.name}: {error}; its output: {log}") from error
    return dataclasses.replace(result, figures={**result.figures, **_outside(measured)})


def _row(name: str, results: Sequence[Result]) -> Row:
    lines = [result.figures for result in results]
    if any(line.keys() != lines[0].keys() for line in lines):
        raise PeerError(f"{name} reported different figures in different rounds: {[sorted(line) for line in lines]}")
    figures = {key: [line[key] for line in lines] for key in lines[0]}
    return Row(name, figures, results[-1].versions, results[-1].notes)


def _outside(measured: Measured) -> dict[str, float]:
    values = dataclasses.asdict(measured)
    del values["output"]
    return values


def _tell(title: str, peer: Peer, found: Result, part: str) -> None:
    seconds, memory, others = (found.figures[key] for key in ("wall_s", "peak_memory_mb", "others_share"))
    busy = f", others used {others:.0%} of the CPU" if others > 0.1 else ""
    print(f"{title}, {part}: {peer.name}: {seconds:.2f} s, {memory:.0f} MiB{busy}", flush=True)


def _file_name(text: str) -> str:
    return "-".join("".join(c if c.isalnum() else " " for c in text.lower()).split())
