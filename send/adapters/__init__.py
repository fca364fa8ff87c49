"""One module an ESP; each holds one class and names it ADAPTER. Nothing else registers it."""
