"""An experiment's comparison with the published numbers that its profile names."""

from collections.abc import Mapping
from dataclasses import replace

from rotui.profile.finding import built_in_folder
from rotui.profile.loading import Experiment, load_experiment
from rotui.results.comparison import compare
from rotui.results.published import load_published
from rotui.results.rows import Comparison
from rotui.study.planning import Plan
from rotui.study.records import RunResult
from rotui.text import printable


def compare_experiment(experiment: Experiment, plan: Plan, finished: Mapping[str, RunResult]) -> Comparison:
    """Lays the finished results, by content key, beside what was published; a note says so where the profile
    names numbers that there are not."""
    name = experiment.profile.published
    published = load_published(name)
    built_in = built_in_folder() / f"{name}.toml"
    reference = load_experiment(str(built_in)).points if published and built_in.is_file() else ()
    comparison = compare(experiment.profile, plan, published, reference, finished)
    if not name or published is not None:
        return comparison
    note = f"no published numbers are called {printable(name)}; nothing is compared with."
    return replace(comparison, notes=(*comparison.notes, note))
