"""How far and how fast on 55 handwritten characters: the course's Keras script beside tellapart."""
