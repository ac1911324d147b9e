"""Whole policies put to the kernel: random clusters, real packets, and every voice that says what becomes of them."""
