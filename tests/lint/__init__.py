"""The lint's tests: the lines it must find, and the code it must leave alone."""
