"""The same pods through the built-in controller and through ours, and what may differ between them."""
