"""Write the generated pages and pictures anew: ``python -m docs.make``."""

from . import augmented, cli, filters, named, recipe

for made in (cli, recipe, filters, augmented, named):
    made.main()
