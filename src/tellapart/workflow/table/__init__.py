"""The experiment table: baselines, networks from scratch and transfer on the same pictures, one row each."""

from .fill import make_table, resume_table, table_folder
from .methods import Method, default_methods, every_method, parse_method
from .plan import ExternalSource, TablePlan

__all__ = [
    "ExternalSource",
    "Method",
    "TablePlan",
    "default_methods",
    "every_method",
    "make_table",
    "parse_method",
    "resume_table",
    "table_folder",
]
