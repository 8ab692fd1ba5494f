"""The HTTP and WebSocket edge. Never imports Rasa."""
