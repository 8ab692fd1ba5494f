"""Rasa graph components: thin adapters over `bot.language`."""
