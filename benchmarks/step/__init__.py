"""Images per second of a training step, at equal arithmetic."""
