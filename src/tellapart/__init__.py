"""tellapart: tell your pictures apart."""
__version__ = "0.1.0"
