"""What the place of results shows, worked out in a thread: the experiments there are, and one of them laid
beside what was published."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rotui.errors import StoreError
from rotui.profile.faults import ProfileError
from rotui.profile.loading import Experiment, load_experiment
from rotui.profile.schema import Profile
from rotui.results.experiment import compare_experiment
from rotui.results.known_seeds import with_known_seeds
from rotui.results.published import load_published
from rotui.results.rows import Comparison
from rotui.results.standing import nearest_runs
from rotui.results.variants import Settings, settings_apart
from rotui.store.listing import ListedRun
from rotui.store.past_runs import PastRun, read_profile, read_run
from rotui.study.planning import Plan, plan
from rotui.study.records import EpochRecord
from rotui.tui.profile_watch import load_profiles, profile_stamp
from rotui.tui.widgets.profile_list import ListedProfile

MOST_BATCHES = 200
"""Sweeps of an experiment, the newest, whose settings are looked at."""


@dataclass(frozen=True)
class ListedExperiment:
    """An experiment that has runs or published numbers. `reference` loads its profile; `finished`, `going_on`
    and `failed` are counted of the `runs` that the profile asks for, or of those that were queued under its
    name where none of these is among them."""

    reference: str
    name: str
    runs: int
    finished: int
    going_on: int
    failed: int


@dataclass(frozen=True)
class ComparisonView:
    """One experiment's comparison, with `settings` over its profile; `variants` are all the settings that it
    was run with. `nearest` are the runs that fill its cells or are nearest to it, `epochs` those of the
    finished ones, both by content key; `unread` are messages of runs that cannot be read."""

    reference: str
    settings: Settings
    variants: tuple[Settings, ...]
    experiment: Experiment
    comparison: Comparison
    nearest: Mapping[str, ListedRun]
    finished: frozenset[str]
    epochs: Mapping[str, tuple[EpochRecord, ...]]
    unread: tuple[str, ...] = ()

    @property
    def notes(self) -> tuple[str, ...]:
        """The comparison's notes, other settings that there are, and what could not be read."""
        return (
            *self.comparison.notes,
            *((self._place_of_settings,) if len(self.variants) > 1 else ()),
            *(f"left out: {message}" for message in self.unread),
        )

    @property
    def _place_of_settings(self) -> str:
        place = self.variants.index(self.settings) + 1 if self.settings in self.variants else 0
        return f"settings {place} of {len(self.variants)} that there are: s shows the next."


@dataclass(frozen=True)
class ResultsAsked:
    """The runs as they are now, and whose comparison is wanted: empty for the one that was worked on last.
    `settings` is None for those that are shown where the user chose none."""

    version: int
    runs: Sequence[ListedRun]
    chosen: str
    settings: Settings | None = None


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
    _variants: dict[str, Profile | None] = field(default_factory=dict)
    _asked: Sequence[object] = ()
    _told: ResultsTold = field(default_factory=ResultsTold)

    def read(self, asked: ResultsAsked) -> ResultsTold:
        """What there is to show; the very same object where nothing has changed since."""
        stamp = profile_stamp()
        wanted = (asked.version, asked.chosen, asked.settings)
        if stamp == self._stamp and wanted in self._asked:
            return self._told
        if stamp != self._stamp:
            self._stamp = stamp
            self._profiles = [
                (profile, profile.loaded, plan(profile.loaded.points))
                for profile in load_profiles()
                if isinstance(profile.loaded, Experiment)
            ]
        nearest = nearest_runs(asked.runs)
        studies: dict[str, set[str]] = {}
        for run in asked.runs:
            studies.setdefault(run.study, set()).add(run.key)
        listed = [
            (_listed(profile, planned, nearest, studies.get(experiment.profile.name)), experiment, planned)
            for profile, experiment, planned in self._profiles
            if _is_shown(experiment, planned, nearest, studies)
        ]
        chosen = _chosen([each for each, _, _ in listed], asked)
        view = None
        for each, experiment, _ in listed:
            if each.reference == chosen:
                variants, usual = self._variants_of(experiment, asked.runs)
                settings = usual if asked.settings is None else asked.settings
                view = self._view(chosen, settings, variants, experiment, nearest, asked.runs)
        self._asked = (wanted, (asked.version, chosen, asked.settings))
        self._told = ResultsTold(tuple(each for each, _, _ in listed), view)
        return self._told

    def _variants_of(
        self, experiment: Experiment, runs: Sequence[ListedRun]
    ) -> tuple[tuple[Settings, ...], Settings]:
        """All the settings that the experiment was run with, its own first and then the newest, and those to
        show: of what goes on, else its own if it was run with them, else the newest."""
        batches: dict[str, dict[str, ListedRun]] = {}
        for run in reversed(runs):
            if run.study == experiment.profile.name:
                batches.setdefault(run.batch or run.name, {}).setdefault(f"{run.stage} {run.settings}", run)
        found: list[Settings] = []
        going_on: Settings | None = None
        for batch in list(batches.values())[:MOST_BATCHES]:
            profiles = [each for run in reversed(batch.values()) if (each := self._profile(run)) is not None]
            if not profiles:
                continue
            found.append(settings_apart(profiles, experiment))
            if going_on is None and any(run.status in ("running", "paused") for run in batch.values()):
                going_on = found[-1]
        shown = going_on if going_on is not None else () if () in found or not found else found[0]
        return tuple(dict.fromkeys([(), *found])), shown

    def _profile(self, run: ListedRun) -> Profile | None:
        """The settings of a run, which never change; None where they cannot be read."""
        if run.name not in self._variants:
            try:
                self._variants[run.name] = read_profile(self.runs_dir / run.name)
            except StoreError:
                self._variants[run.name] = None
        return self._variants[run.name]

    def _view(
        self,
        reference: str,
        settings: Settings,
        variants: tuple[Settings, ...],
        experiment: Experiment,
        nearest: Mapping[str, ListedRun],
        runs: Sequence[ListedRun],
    ) -> ComparisonView:
        unread: list[str] = []
        if settings:
            try:
                experiment = load_experiment(reference, settings)
            except ProfileError as error:  # the profile was changed since, and these no longer fit it
                unread.append(str(error))
                settings = ()
        planned = plan(experiment.points)
        whole = with_known_seeds(planned, experiment.points, {run.seed for run in runs}, nearest.keys())
        past: dict[str, PastRun] = {}
        for key in dict.fromkeys(cell.key for cell in whole.cells):
            run = nearest.get(key)
            if run is not None and run.status == "finished":
                try:
                    past[key] = self._read(run)
                except StoreError as error:
                    unread.append(str(error))
        results = {key: run.result for key, run in past.items() if run.result is not None}
        comparison = compare_experiment(experiment, whole, results)
        return ComparisonView(
            reference=reference,
            settings=settings,
            variants=variants,
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
    experiment: Experiment, planned: Plan, nearest: Mapping[str, ListedRun], studies: Collection[str]
) -> bool:
    name, published = experiment.profile.name, experiment.profile.published
    has_runs = name in studies or any(run.key in nearest for run in planned.runs)
    return has_runs or bool(published and load_published(published))


def _listed(
    profile: ListedProfile, planned: Plan, nearest: Mapping[str, ListedRun], others: Collection[str] | None
) -> ListedExperiment:
    keys: Collection[str] = [run.key for run in planned.runs]
    if others and not any(key in nearest for key in keys):
        keys = others
    statuses = [nearest[key].status for key in keys if key in nearest]
    return ListedExperiment(
        reference=profile.reference,
        name=profile.found.name,
        runs=len(keys),
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
