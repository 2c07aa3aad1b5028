"""The demo: a small server and its page, which needs no network."""
