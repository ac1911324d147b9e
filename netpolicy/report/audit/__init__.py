"""The audit of a cluster: who may reach whom, why, and what proves it."""
