"""Chinese text without Rasa: normalising, the spaCy Doc, entities, concepts."""
