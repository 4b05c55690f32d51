"""How long tellapart takes to start."""
