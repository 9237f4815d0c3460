"""What the place of results shows, worked out in a thread: the experiments there are, and one of them laid
beside what was published."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from rotui.errors import StoreError
from rotui.profile.loading import Experiment
from rotui.results.experiment import compare_experiment
from rotui.results.known_seeds import with_known_seeds
from rotui.results.published import load_published
from rotui.results.rows import Comparison
from rotui.results.standing import nearest_runs
from rotui.store.listing import ListedRun
from rotui.store.past_runs import PastRun, read_run
from rotui.study.planning import Plan, plan
from rotui.study.records import EpochRecord
from rotui.tui.profile_watch import load_profiles, profile_stamp
from rotui.tui.widgets.profile_list import ListedProfile


@dataclass(frozen=True)
class ListedExperiment:
    """An experiment that has runs or published numbers. `reference` loads its profile; `finished`, `going_on`
    and `failed` are counted of the `runs` that the profile asks for."""

    reference: str
    name: str
    runs: int
    finished: int
    going_on: int
    failed: int


@dataclass(frozen=True)
class ComparisonView:
    """One experiment's comparison. `nearest` are the runs that fill its cells or are nearest to it, `epochs`
    those of the finished ones, both by content key; `unread` are messages of runs that cannot be read."""

    reference: str
    experiment: Experiment
    comparison: Comparison
    nearest: Mapping[str, ListedRun]
    finished: frozenset[str]
    epochs: Mapping[str, tuple[EpochRecord, ...]]
    unread: tuple[str, ...] = ()

    @property
    def notes(self) -> tuple[str, ...]:
        """The comparison's notes, and what could not be read."""
        return (*self.comparison.notes, *(f"left out: {message}" for message in self.unread))


@dataclass(frozen=True)
class ResultsAsked:
    """The runs as they are now, and whose comparison is wanted: empty for the one that was worked on last."""

    version: int
    runs: Sequence[ListedRun]
    chosen: str


@dataclass(frozen=True)
class ResultsTold:
    """The experiments in the order of their profiles, and the comparison that was asked for."""

    experiments: tuple[ListedExperiment, ...] = ()
    view: ComparisonView | None = None


@dataclass
class ResultsReader:
    """Works out comparisons and keeps what need not be read again: profiles, plans, finished runs. It is
    called by one thread at a time."""

    runs_dir: Path
    _stamp: object = None
    _profiles: list[tuple[ListedProfile, Experiment, Plan]] = field(default_factory=list)
    _past: dict[tuple[str, str], PastRun] = field(default_factory=dict)
    _asked: tuple[int, str] | None = None
    _told: ResultsTold = field(default_factory=ResultsTold)

    def read(self, asked: ResultsAsked) -> ResultsTold:
        """What there is to show; the very same object where nothing has changed since."""
        stamp = profile_stamp()
        if stamp == self._stamp and (asked.version, asked.chosen) == self._asked:
            return self._told
        if stamp != self._stamp:
            self._stamp = stamp
            self._profiles = [
                (profile, profile.loaded, plan(profile.loaded.points))
                for profile in load_profiles()
                if isinstance(profile.loaded, Experiment)
            ]
        self._asked = (asked.version, asked.chosen)
        nearest = nearest_runs(asked.runs)
        studies = {run.study for run in asked.runs}
        listed = [
            (_listed(profile, planned, nearest), experiment, planned)
            for profile, experiment, planned in self._profiles
            if _is_shown(experiment, planned, nearest, studies)
        ]
        chosen = _chosen([each for each, _, _ in listed], asked)
        view = None
        for each, experiment, planned in listed:
            if each.reference == chosen:
                view = self._view(chosen, experiment, planned, nearest, asked.runs)
        self._told = ResultsTold(tuple(each for each, _, _ in listed), view)
        return self._told

    def _view(
        self,
        reference: str,
        experiment: Experiment,
        planned: Plan,
        nearest: Mapping[str, ListedRun],
        runs: Sequence[ListedRun],
    ) -> ComparisonView:
        whole = with_known_seeds(planned, experiment.points, {run.seed for run in runs}, nearest.keys())
        past: dict[str, PastRun] = {}
        unread: list[str] = []
        for key in dict.fromkeys(cell.key for cell in whole.cells):
            run = nearest.get(key)
            if run is not None and run.status == "finished":
                try:
                    past[key] = self._read(run)
                except StoreError as error:
                    unread.append(str(error))
        results = {key: run.result for key, run in past.items() if run.result is not None}
        comparison = compare_experiment(experiment, whole, results)
        others = _other_settings(experiment, whole, runs)
        if others:
            comparison = replace(comparison, notes=(*comparison.notes, others))
        return ComparisonView(
            reference=reference,
            experiment=experiment,
            comparison=comparison,
            nearest={cell.key: nearest[cell.key] for cell in whole.cells if cell.key in nearest},
            finished=frozenset(results),
            epochs={key: past[key].epochs for key in results},
            unread=tuple(unread),
        )

    def _read(self, run: ListedRun) -> PastRun:
        """A finished run, which changes no more until it is queued again."""
        at = (run.name, run.changed)
        if at not in self._past:
            self._past[at] = read_run(self.runs_dir / run.name)
        return self._past[at]


def _is_shown(
    experiment: Experiment, planned: Plan, nearest: Mapping[str, ListedRun], studies: set[str]
) -> bool:
    name, published = experiment.profile.name, experiment.profile.published
    has_runs = name in studies or any(run.key in nearest for run in planned.runs)
    return has_runs or bool(published and load_published(published))


def _listed(profile: ListedProfile, planned: Plan, nearest: Mapping[str, ListedRun]) -> ListedExperiment:
    statuses = [nearest[run.key].status for run in planned.runs if run.key in nearest]
    return ListedExperiment(
        reference=profile.reference,
        name=profile.found.name,
        runs=len(planned.runs),
        finished=statuses.count("finished"),
        going_on=statuses.count("running") + statuses.count("paused"),
        failed=statuses.count("failed"),
    )


def _chosen(listed: Sequence[ListedExperiment], asked: ResultsAsked) -> str:
    """The experiment that is asked for; where it is not there, the study of a run that goes on, else that of
    the newest run."""
    references = [each.reference for each in listed]
    if asked.chosen in references or not listed:
        return asked.chosen
    newest_first = sorted(asked.runs, key=lambda run: -run.number)
    active = [run.study for run in newest_first if run.status in ("running", "paused")]
    studies = [*active, *(run.study for run in newest_first)]
    for study in studies:
        for each in listed:
            if each.name == study:
                return each.reference
    return references[0]


def _other_settings(experiment: Experiment, whole: Plan, runs: Sequence[ListedRun]) -> str:
    """How many runs of this study fill no cell, because they were made with other settings."""
    keys = {run.key for run in whole.runs} | {cell.key for cell in whole.cells}
    others = sum(run.study == experiment.profile.name and run.key not in keys for run in runs)
    if not others:
        return ""
    return f"{others} run{'s' if others > 1 else ''} of this study with other settings: place 3 has them."
