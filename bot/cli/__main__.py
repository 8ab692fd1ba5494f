"""`python -m bot.cli` is `./prelude`."""

from bot.cli.app import main

main()
