"""What all questions share. Standard library only: peers import ``harness.result`` inside their own environments."""
