"""The platforms, one a file, each with a class ``PLATFORM``; a new one is a new file here."""
