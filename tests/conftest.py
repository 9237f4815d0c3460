"""Before anything is imported: a console reads these once, when it is made, and tests set them themselves."""

import os

for variable in ("COLUMNS", "LINES"):
    os.environ.pop(variable, None)
