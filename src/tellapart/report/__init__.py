"""report: one self-contained page a run, and figures for notebooks. It reads results, and imports no torch."""

from .figures import confusion_figure, curves_figure, reliability_figure
from .fonts import FontChoice, choose_fonts
from .page import write_report, write_reports
from .selection import expected_count, wanted_pictures
from .table_page import write_table
from .thumbnails import save_thumbnails

__all__ = [
    "FontChoice",
    "choose_fonts",
    "confusion_figure",
    "curves_figure",
    "expected_count",
    "reliability_figure",
    "save_thumbnails",
    "wanted_pictures",
    "write_report",
    "write_reports",
    "write_table",
]
