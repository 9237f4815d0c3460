"""Runs rotui's command line in real processes of their own, forked from one that has imported it already.

Reads one JSON object a line on stdin (arguments, environment, working directory, log) and answers with the
wait status of the process it forked.
"""

import json
import os
import sys
from pathlib import Path

import torch
import torchvision

import rotui.worker
from rotui.cli.main import main

del torch, torchvision, rotui


def child(command: dict[str, object]) -> None:
    """Becomes `rotui ARGUMENTS...` with its output in the log."""
    os.environ.update(command["environment"])
    os.chdir(command["folder"])
    log = os.open(command["log"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    null = os.open(os.devnull, os.O_RDONLY)
    for stream, target in ((0, null), (1, log), (2, log)):
        os.dup2(target, stream)
    sys.argv = ["rotui", *command["arguments"]]
    try:
        main()
    except SystemExit as end:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(int(end.code or 0))
    os._exit(0)


for line in sys.stdin:
    command = json.loads(line)
    process = os.fork()
    if process == 0:
        child(command)
    Path(command["pid"]).write_text(str(process))
    _, status = os.waitpid(process, 0)
    print(os.waitstatus_to_exitcode(status), flush=True)
