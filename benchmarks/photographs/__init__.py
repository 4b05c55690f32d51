"""From a folder of photographs to a classifier, with nothing else said: the first time and the second."""
