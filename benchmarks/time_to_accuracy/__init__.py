"""How long until a model is saved that is as good as the course's at its end."""
