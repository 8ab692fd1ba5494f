"""The steps of the talk as rasa_sdk actions: thin, flat, one step each.

An action reads the `TurnContext`, calls one pure function of `bot.dialogue`, returns events and
appends commands. It never chooses the next step; rules, stories and forms do.
"""
