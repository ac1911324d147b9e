"""The policy language: `syntax` is its tree, `parse` and `build` read it, and nothing here knows a cluster."""
