"""Random cases put to the kernel for as long as there is time."""
