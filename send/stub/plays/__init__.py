"""One module a platform; each names its ``PLAY``. Nothing else registers it."""
