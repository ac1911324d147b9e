"""Random rulesets of the matches that we model, crossed by real packets: what the kernel does must be what we say."""
