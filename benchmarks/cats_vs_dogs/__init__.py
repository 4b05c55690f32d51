"""How far do 2,000 photographs lead? The course's five ways, from scratch to fine-tuning, one above the other."""
