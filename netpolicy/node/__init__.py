"""What is done on a node: the only layer, beside `lab` and `cli`, that touches the outside world."""
