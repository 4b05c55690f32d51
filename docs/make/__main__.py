"""Write the generated pages and pictures anew: ``python -m docs.make``."""

from . import augmented, cli, filters, ladder, named, recipe

for made in (cli, recipe, filters, augmented, ladder, named):
    made.main()
