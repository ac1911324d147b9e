"""On a node: is it the one that the cluster says it is, and does its kernel hold exactly its ruleset?"""
