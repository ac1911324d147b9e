"""Breaks the compiler's own code on purpose, one place at a time, and asks the project's tests whether they notice."""
