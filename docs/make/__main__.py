"""Write the generated pages and pictures anew: ``python -m docs.make``."""

from . import augmented, cli, evaluation, filters, ladder, named, recipe

for made in (cli, recipe, filters, augmented, evaluation, ladder, named):
    made.main()
