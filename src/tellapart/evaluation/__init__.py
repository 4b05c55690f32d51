"""evaluation: from predictions to figures with intervals, mistakes, calibration and comparisons.

Everything here takes arrays of ids, logits and labels (``Predictions``), so that networks, baselines and predictions
made elsewhere are measured by the same code.
"""

from .calibration import (
    Reliability,
    TemperatureFit,
    calibration_error,
    calibration_error_by_chance,
    fit_temperature,
    loss,
    reliability,
)
from .cells import write_confusion
from .comparison import Comparison, compare, mcnemar_test
from .drift import Shift, compare_pictures, picture_statistics
from .evaluation import ClassFigures, Evaluation
from .experiment_table import ExperimentTable, TableRow, seconds_text, size_text
from .explanation import Explanation, Suspect, explain
from .external import ClassChange, ConfusionChange, ExternalComparison, compare_evaluations, difference
from .figure import Figure
from .folds import Fold, FoldSummary, make_folds, summarize_folds, thin_classes
from .gap import macro_f1_gap
from .intervals import (
    BY_GROUP,
    bootstrap_confusions,
    bootstrap_interval,
    bootstrap_means,
    percentile_interval,
    proportion,
    proportion_of,
    wilson_interval,
)
from .label_errors import LabelError, LabelErrors, class_thresholds, estimated_joint, find_label_errors
from .label_list import Mended, read_label_list, relabelled, with_known_ids
from .label_search import Components, search_labels, vote_of_neighbours
from .metrics import confusion_matrix, evaluate, top_k_correct
from .mistakes import (
    ConfusedPair,
    Mistake,
    confused_pairs,
    find_mistakes,
    lowest_recall_classes,
    surest_by_cell,
)
from .near_training import NearTraining, find_near_training, write_mistakes
from .neighbours import Neighbour, Neighbours, Rows, nearest
from .novelty import auroc, energy_novelty, knn_novelty, max_logit_novelty, novelty_threshold
from .prediction_table import read_predictions, write_predictions
from .predictions import Predictions
from .spreadsheet import csv_bytes, spreadsheet_plain, spreadsheet_safe, write_csv
from .threshold import Threshold, error_at, threshold_for_error

__all__ = [
    "BY_GROUP",
    "ClassChange",
    "ClassFigures",
    "Comparison",
    "Components",
    "ConfusedPair",
    "ConfusionChange",
    "Evaluation",
    "ExperimentTable",
    "Explanation",
    "ExternalComparison",
    "Figure",
    "Fold",
    "FoldSummary",
    "LabelError",
    "LabelErrors",
    "Mended",
    "Mistake",
    "NearTraining",
    "Neighbour",
    "Neighbours",
    "Predictions",
    "Reliability",
    "Rows",
    "Shift",
    "Suspect",
    "TableRow",
    "TemperatureFit",
    "Threshold",
    "auroc",
    "bootstrap_confusions",
    "bootstrap_interval",
    "bootstrap_means",
    "calibration_error",
    "calibration_error_by_chance",
    "class_thresholds",
    "compare",
    "compare_evaluations",
    "compare_pictures",
    "confused_pairs",
    "confusion_matrix",
    "csv_bytes",
    "difference",
    "energy_novelty",
    "error_at",
    "estimated_joint",
    "evaluate",
    "explain",
    "find_label_errors",
    "find_mistakes",
    "find_near_training",
    "fit_temperature",
    "knn_novelty",
    "loss",
    "lowest_recall_classes",
    "macro_f1_gap",
    "make_folds",
    "max_logit_novelty",
    "mcnemar_test",
    "nearest",
    "novelty_threshold",
    "percentile_interval",
    "picture_statistics",
    "proportion",
    "proportion_of",
    "read_label_list",
    "read_predictions",
    "relabelled",
    "reliability",
    "search_labels",
    "seconds_text",
    "size_text",
    "spreadsheet_plain",
    "spreadsheet_safe",
    "summarize_folds",
    "surest_by_cell",
    "thin_classes",
    "threshold_for_error",
    "top_k_correct",
    "vote_of_neighbours",
    "wilson_interval",
    "with_known_ids",
    "write_confusion",
    "write_csv",
    "write_mistakes",
    "write_predictions",
]
