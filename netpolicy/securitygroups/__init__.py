"""Security groups as a neutral form: what every cloud's own format is rendered from."""
