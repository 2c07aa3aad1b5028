"""The corpora that have a layout of their own, each read into the documents of its splits."""
