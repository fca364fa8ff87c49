"""The commands, one a file, each with a ``register(app)``; a new command is a new file here."""
