"""Write the generated pages and pictures anew: ``python -m docs.make``."""

from . import augmented, cli, filters, ladder, named, python, recipe

for made in (cli, recipe, python, filters, augmented, ladder, named):
    made.main()
