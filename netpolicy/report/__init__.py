"""Reports: the same facts in each format."""
