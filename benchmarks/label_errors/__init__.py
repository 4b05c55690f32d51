"""label_errors: are labels that were changed on purpose found?"""
