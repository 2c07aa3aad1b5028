"""String to string: cleaning, abbreviations, composite mentions."""
