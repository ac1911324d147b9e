"""Figures: recorded with their command, never asserted."""
