"""The pages: each module is one subject, each function of it answers one address."""
