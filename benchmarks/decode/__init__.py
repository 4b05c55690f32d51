"""How fast small pictures are decoded and resized."""
