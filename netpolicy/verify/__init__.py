"""Questions about a policy and its plan, answered with a witness: promises kept, who can reach what."""
