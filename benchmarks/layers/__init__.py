"""Where the time of a training step goes, operation by operation, against what this machine can do."""
