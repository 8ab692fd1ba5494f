"""Rasa in its worker process. The web process imports only `bot.engine.host` from here."""
