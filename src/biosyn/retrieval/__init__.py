"""Vectors to candidate rows: exact top-k search in bounded memory."""
