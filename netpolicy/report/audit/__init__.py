"""The audit of a cluster: what may pass, why, since when, what was proved of it and what was not asked."""
