"""A cluster in network namespaces of one machine: its own rules, applied as on a node, and real packets."""
