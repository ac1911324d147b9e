"""What a node is asked: the one package, beside `cli`, that touches netlink, files, processes and the clock."""
