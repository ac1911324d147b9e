"""What a policy means for a cluster: the cluster's nodes, and every statement with its addresses and ports."""
