"""Findings about a policy, a cluster or a node, and the page of every code."""
