"""Several processes that work as one, started by torchrun (docs/distributed.md)."""
