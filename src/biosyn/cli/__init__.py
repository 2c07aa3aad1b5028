"""One argparse module a verb."""
