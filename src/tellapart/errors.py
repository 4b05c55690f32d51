"""Every error that a person can meet, drawn as one tree.

::

    TellapartError
    ├── DataError (ValueError)            the pictures or their labels
    │   ├── SourceNotFoundError (FileNotFoundError)
    │   ├── SourceError                   a source that cannot be read as what it claims to be
    │   ├── UnreadableImageError          one picture; collected, seldom raised to a person
    │   ├── ClassMismatchError            class names differ where they must agree
    │   ├── SplitError                    a split that cannot be made
    │   └── LeakError                     the same picture on both sides of a split
    ├── RecipeError (ValueError)          a choice that is unknown, impossible or would be ignored
    │   └── UnknownNameError (LookupError)  a registered thing that does not exist
    ├── NetError (ValueError)             a network that does not fit the pictures
    ├── ModelFileError (ValueError)       a model or weight file that is not what it says
    ├── RunError                          what is written: a run folder, a table, a picture
    │   ├── RunNotFoundError (FileNotFoundError)
    │   ├── TargetExistsError (FileExistsError)
    │   ├── RunBusyError                  another process works on it
    │   ├── RunCorruptError (ValueError)
    │   └── UnwritableError (OSError)
    └── TrainingError (RuntimeError)
        ├── OutOfMemoryError (MemoryError)
        ├── DivergedError                 the loss is not a number any more
        └── ProcessLostError              one of several processes that train together is gone

Each message says what was wrong, the value, what is allowed and what to do. The command line prints it in
one line and exits with 2; ``--debug`` shows the trace.
"""

from __future__ import annotations


class TellapartError(Exception):
    """The root: ``except TellapartError`` catches everything that tellapart says about its input."""

    def __str__(self) -> str:
        # KeyError and OSError print themselves oddly; ours always print their one sentence.
        return str(self.args[0]) if self.args else ""


class DataError(TellapartError, ValueError):
    """Something is wrong with the pictures or their labels."""


class SourceNotFoundError(DataError, FileNotFoundError):
    """The path or name of a data set leads nowhere."""


class SourceError(DataError):
    """A file or folder cannot be read as the kind of data set that it looks like."""


class UnreadableImageError(DataError):
    """One picture cannot be decoded. Its message is the reason alone: the audit adds the file's name."""


class ClassMismatchError(DataError):
    """Class names differ where they must be the same."""


class SplitError(DataError):
    """A train, validation and test split cannot be made from these pictures."""


class LeakError(DataError):
    """The same picture stands on both sides of a split."""


class RecipeError(TellapartError, ValueError):
    """A choice is unknown, impossible, contradicts another one, or would be ignored."""


class UnknownNameError(RecipeError, LookupError):
    """No registered net, source, feature or classifier has this name."""


class NetError(TellapartError, ValueError):
    """A network does not fit the pictures that it is given."""


class ModelFileError(TellapartError, ValueError):
    """A model or weight file is damaged, or is not what its header says."""


class RunError(TellapartError):
    """Something is wrong with a run folder."""


class RunNotFoundError(RunError, FileNotFoundError):
    """There is no run at this path."""


class TargetExistsError(RunError, FileExistsError):
    """A run, or a file that is not ours, stands there already, and nothing is ever overwritten unasked."""


class RunBusyError(RunError):
    """Another process is working on the run."""


class RunCorruptError(RunError, ValueError):
    """A file of the run is damaged or missing."""


class UnwritableError(RunError, OSError):
    """A run folder or a file cannot be written: permissions, or a full disk."""


class TrainingError(TellapartError, RuntimeError):
    """A training cannot go on."""


class OutOfMemoryError(TrainingError, MemoryError):
    """The memory does not suffice for this network, picture size and batch size."""


class DivergedError(TrainingError):
    """The loss became infinite or not a number."""


class ProcessLostError(TrainingError):
    """One of several processes that train together has ended or cannot be reached."""
