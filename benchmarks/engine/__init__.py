"""What single settings of the training engine are worth, step by step."""
