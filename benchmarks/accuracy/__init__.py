"""How good our default and our time budgets get on known test sets."""
