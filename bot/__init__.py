"""Prelude: a Chinese-language sales assistant that a shop runs itself."""

__version__ = "0.1.0"
