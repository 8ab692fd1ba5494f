"""The book that every shop gets: YAML beside this file, frozen types and their loader."""
