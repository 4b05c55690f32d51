"""Make the two tables of docs/table.md: scikit-learn's digits, with 1,000 of MNIST's test digits as the external set.

    python -m benchmarks.experiment_table --mnist FOLDER

FOLDER has MNIST's two files of test digits, t10k-images-idx3-ubyte and t10k-labels-idx1-ubyte, or those with .gz. Both
tables are printed as Markdown; their folders stay below ``--out``. A table that was stopped goes on where it was.
"""

import argparse
import gzip
from pathlib import Path

import numpy as np

from tellapart.evaluation import ExperimentTable, TableRow, seconds_text, size_text
from tellapart.recipe import Recipe
from tellapart.workflow.table import ExternalSource, TablePlan, make_table, resume_table, table_folder

PICTURES = 1000
VARIED = ("pixels/random-forest", "pixels+pca/svm-rbf", "hog+pca/svm-rbf", "compact")


def read(folder: Path, name: str, *, start: int) -> np.ndarray:
    """Return the bytes of an IDX file behind its header."""
    plain, packed = folder / name, folder / f"{name}.gz"
    data = plain.read_bytes() if plain.exists() else gzip.decompress(packed.read_bytes())
    return np.frombuffer(data, dtype=np.uint8, offset=start)


def save_external(mnist: Path, path: Path) -> Path:
    """Write the first of MNIST's test digits as an array file, the pictures from elsewhere."""
    pixels = read(mnist, "t10k-images-idx3-ubyte", start=16).reshape(-1, 28, 28)[:PICTURES]
    labels = read(mnist, "t10k-labels-idx1-ubyte", start=8)[:PICTURES].astype(np.int64)
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        np.savez(path, x=pixels, y=labels, class_names=np.array(list("0123456789")))
    return path


def markdown(table: ExperimentTable) -> str:
    """Return a table for a page of the documents."""
    lines = ["| row | validation F1 | external F1 | difference | to train | to predict | size |"]
    lines.append("|---|---:|---:|---:|---:|---:|---:|")
    return "\n".join([*lines, *(line(row) for row in table.ranked())])


def line(row: TableRow) -> str:
    """Return one row of it."""
    if row.validation is None or row.external is None or row.gap is None or row.predict_ms is None:
        return f"| {row.title} | left out: {row.failed} | | | | | |"
    figures = " | ".join(
        f"{figure.short().removesuffix(' points')} ({figure.interval()})".removesuffix(" ()")
        for figure in (row.validation, row.external, row.gap)
    )
    costs = (seconds_text(row.train_seconds), seconds_text(row.predict_ms / 1000), size_text(row.size_bytes))
    return f"| {row.title} | {figures} | {' | '.join(costs)} |"


def main() -> None:
    """Make both tables and print them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mnist", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=Path("runs/experiment-table"))
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    external = ExternalSource(str(save_external(arguments.mnist, arguments.out / "mnist-1000.npz")))
    recipe = Recipe.make(data={"source": "digits"}, training={"threads": arguments.threads})
    few = recipe.changed(training={"epochs": 15})
    plans = {
        "digits": TablePlan(recipe, external=external),
        "variants": TablePlan(few, VARIED, external=external, noise=0.1, copies=2000, shuffled_pixels=True),
    }
    for name, plan in plans.items():
        folder = arguments.out / name
        table, _ = resume_table(folder) if table_folder(folder) else make_table(plan, out=folder)
        print(f"{markdown(table)}\n", flush=True)


if __name__ == "__main__":
    main()
