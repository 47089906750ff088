"""The same jobs on genlet and on its peers, measured in one run."""
