"""How the states of runs look in tables."""

STATUS_STYLES = {
    "queued": "",
    "held": "yellow",
    "running": "green",
    "paused": "bold yellow",
    "finished": "",
    "failed": "bold red",
    "skipped": "yellow",
    "cancelled": "dim",
    "stopped": "yellow",
    "interrupted": "yellow",
}
"""Styles of rich, by state."""
