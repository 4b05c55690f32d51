"""Benchmarks: one folder per question, each answered by one command. See ``benchmarks/README.md``."""
