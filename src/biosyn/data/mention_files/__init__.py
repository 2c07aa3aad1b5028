"""Files of mentions, read unit by unit so that they can be written back with links put in: one module a format."""
