"""What changes between two clusters, builds or rulesets: flows opened and closed, never lines."""
