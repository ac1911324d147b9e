"""A compiler from a readable network policy to firewall rules that does not believe itself.

What it emits is read back from the text and compared, as a set of packets, with what the policy says.
"""

__version__ = "0.1.0"
