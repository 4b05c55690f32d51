"""Write the generated pages and pictures anew: ``python -m docs.make``."""

from . import augmented, cli, evaluation, filters, ladder, named, python, recipe

for made in (cli, recipe, python, filters, augmented, evaluation, ladder, named):
    made.main()
