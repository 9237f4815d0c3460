"""Before anything is imported: what a console reads once, when it is made, and tests set themselves; and that
threads of several processes that train at once do not spin while they wait."""

import os

for variable in ("COLUMNS", "LINES"):
    os.environ.pop(variable, None)
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
