"""All of the console's benchmarks, or those that are named."""

import chart_points
import first_frame
import idle
import key_to_painted
import many_runs
import training_slowdown
from recording import main

BENCHMARKS = {
    each.NAME: each.measure
    for each in (first_frame, key_to_painted, training_slowdown, many_runs, idle, chart_points)
}

if __name__ == "__main__":
    main(BENCHMARKS)
