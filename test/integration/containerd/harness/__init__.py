"""A stock containerd with podsandboxd beside it, in a temporary directory, for tests and for people."""
