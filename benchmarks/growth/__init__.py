"""Whether time and memory a picture stay flat from 1,000 to 1,000,000 pictures."""
