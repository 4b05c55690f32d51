"""What is a single setting worth? Trainings on one core each, judged by validation pictures."""
