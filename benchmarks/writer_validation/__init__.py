"""Does validation foretell the test? The same training with a random and with a writer-grouped validation split."""
