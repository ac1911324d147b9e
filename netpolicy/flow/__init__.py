"""Vendor-neutral flows: what each class of nodes must let in, out and through."""
