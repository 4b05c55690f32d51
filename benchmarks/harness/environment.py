"""An environment of its own for each peer, made on first use."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

from .result import PeerError

BENCHMARKS = Path(__file__).resolve().parent.parent
PINNED = BENCHMARKS / "environments"
MADE = BENCHMARKS / ".environments"
OURS = "tellapart"
"""The environment that the benchmark itself was started with: tellapart must be installed there."""

CUDA = ("nvidia-", "cuda-", "triton", "jax-cuda", "tensorflow-gpu")
"""Packages that a CPU peer must not have pulled in."""


def names() -> list[str]:
    """Return the environments that can be made: the folders beside the harness with a requirements.txt."""
    return sorted(path.parent.name for path in PINNED.glob("*/requirements.txt"))


def prepare(name: str) -> Path:
    """Return the Python of an environment, made first where it is missing or its pins have changed.

    Raises:
        PeerError: there is no such environment, pip failed, or a CUDA package was pulled in.
    """
    if name == OURS:
        return Path(sys.executable)
    if name not in names():
        raise PeerError(f"no environment {name!r}: there are {', '.join(names())} and {OURS}")
    python, stamp = MADE / name / "bin" / "python", MADE / name / "pins.sha256"
    if python.exists() and stamp.exists() and stamp.read_text() == pins(PINNED / name):
        return python
    _make(name, python)
    stamp.write_text(pins(PINNED / name))
    return python


def pins(folder: Path) -> str:
    """Return the hash of what an environment is made from."""
    digest = hashlib.sha256(sys.version.encode())
    for file in ("requirements.txt", "constraints.txt"):
        digest.update((folder / file).read_bytes())
    return digest.hexdigest()


def _make(name: str, python: Path) -> None:
    folder = PINNED / name
    wanted = ", ".join(requirements((folder / "requirements.txt").read_text()))
    print(f"preparing {MADE / name}: installing {wanted}", flush=True)
    _call([sys.executable, "-m", "venv", "--clear", str(MADE / name)])
    install = [str(python), "-m", "pip", "install", "--disable-pip-version-check", "--quiet"]
    _call([*install, "-r", str(folder / "requirements.txt"), "-c", str(folder / "constraints.txt")])
    installed = _call([str(python), "-m", "pip", "freeze", "--disable-pip-version-check"]).split()
    print(f"  installed {len(installed)} packages: {', '.join(installed)}", flush=True)
    pulled = cuda_packages(installed)
    if pulled:
        raise PeerError(
            f"the environment {name!r} must be CPU only, got {', '.join(pulled)}: set "
            "PIP_EXTRA_INDEX_URL=https://download.pytorch.org/whl/cpu, or give pip a CPU wheel with PIP_FIND_LINKS"
        )


def requirements(text: str) -> list[str]:
    """Return the requirements of a requirements.txt, without comments."""
    lines = (line.partition("#")[0].strip() for line in text.splitlines())
    return [line for line in lines if line]


def cuda_packages(installed: list[str]) -> list[str]:
    """Return those of pip freeze's lines that name a CUDA package."""
    return [line for line in installed if line.lower().replace("_", "-").startswith(CUDA)]


def _call(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise PeerError(f"{' '.join(command)} ended with status {done.returncode}:\n{done.stderr[-4000:]}")
    return done.stdout
