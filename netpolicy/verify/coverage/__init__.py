"""Which statements no promise would miss: a mutation score of the promises of a policy."""
