"""Findings that somebody answers for: suppressions in the text, and baselines of what was there before."""
