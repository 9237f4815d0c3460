"""The tables and the JSON of `rotui bench`."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict

from rotui.benchmark.cases import Case, Place
from rotui.benchmark.choosing import IMAGE_SIZE
from rotui.benchmark.forecast import Forecast
from rotui.benchmark.summary import Row, Spread
from rotui.cli.columns import Column, fitting, plain_table
from rotui.cli.terminal import line, out, print_json, say
from rotui.formats import duration

BLANK = "-"
RANKS = {"images": 2, "images/s": 1}


def print_rows(rows: Sequence[Row], place: Place) -> None:
    """Single and several runs: a line each."""
    columns = [
        Column("case", [row.case.name for row in rows], justify="left"),
        Column("images/s", [_number(row.rate.median) for row in rows]),
        Column("min to max", [_range(row.rate, _number) for row in rows], rank=5),
        Column("step ms", [f"{row.step_seconds * 1000:.4g}" for row in rows], rank=2),
        Column("data %", [_percent(row.data_share) for row in rows], rank=3),
        Column("MB", [_number(row.peak_bytes / 1e6) for row in rows], rank=3),
    ]
    if place.is_cuda:
        columns.append(Column("GPU MB", [_number(row.device_bytes / 1e6) for row in rows], rank=3))
    columns.append(Column("floor %", [_percent(row.floor_share) for row in rows], rank=1))
    ratios = [row.ratio for row in rows]
    if any(ratios):
        columns += [
            Column("ratio", [f"{each.median:.2f}" if each else BLANK for each in ratios]),
            Column(
                "min to max", [_range(each, "{:.2f}".format) if each else BLANK for each in ratios], rank=4
            ),
        ]
    _print(columns)
    repeats = max((row.rate.n for row in rows), default=0)
    line(f"medians of {repeats} on {_where(place)}")
    if any(ratios):
        line("ratio: images/s over those of the plain loop in the same round")


def print_scaling(groups: Mapping[str, Sequence[Case]], rows: Mapping[Case, Row], place: Place) -> None:
    """How time grows: a line for each value of each thing that grows, with the time over the first one's."""
    lines: list[tuple[str, ...]] = []
    for growing, cases in groups.items():
        known = [(case, rows[case]) for case in cases if case in rows]
        first = known[0][1] if known else None
        for case, row in known:
            images, seconds = row.images, row.seconds.median
            if first is not None and growing == IMAGE_SIZE:
                images, seconds = first.images, seconds * first.images / images
            times = seconds / first.seconds.median if first is not None else 1.0
            told = (growing, _grown(growing, case), _number(images), f"{seconds:.2f}", f"{times:.2f}")
            lines.append((*told, _number(row.rate.median)))
    headers = ("grows", "to", "images", "seconds", "times", "images/s")
    cells = list(zip(*lines, strict=True)) if lines else [()] * len(headers)
    _print(
        [
            Column(header, each, rank=RANKS.get(header, 0), justify="left" if number == 0 else "right")
            for number, (header, each) in enumerate(zip(headers, cells, strict=True))
        ]
    )
    line(f"an epoch of each training, with the time to begin it; medians on {_where(place)}")
    line("image sizes are compared by steps alone, for as many images as the first")
    line("times: the seconds over the first of its kind")


def print_rows_as_json(groups: Mapping[str, Sequence[Case]], rows: Mapping[Case, Row], place: Place) -> None:
    """One object for each case, in each of the groups that show how time grows."""
    shared = {"device": place.device, "hardware": place.hardware, "cores": place.cores, "torch": place.torch}
    for growing, cases in groups.items():
        grows = {"grows": growing} if growing else {}
        for case in cases:
            if case in rows:
                print_json({**grows, "threads": case.threads, **rows[case].to_json(), **shared})


def print_forecasts(told: Sequence[Forecast], as_json: bool) -> None:
    """How long each profile would take, and which options would tell what is not known."""
    if as_json:
        for each in told:
            seconds = round(each.seconds, 1) if each.covered else None
            print_json({"kind": "profile", **asdict(each), "seconds": seconds})
        return
    line("")
    _print(
        [
            Column("profile", [each.profile for each in told], justify="left"),
            Column("runs", [str(each.runs) for each in told]),
            Column("time here", [_time(each) for each in told], justify="left"),
        ]
    )
    wanted = dict.fromkeys(option for each in told for option in each.missing)
    if wanted:
        line("rotui bench measures what is not known with")
        for option in wanted:
            line(f"  {option}")
    if any(each.covered < each.runs and not each.missing for each in told):
        line("what no option measures is known once a run like it was trained here")


def _time(forecast: Forecast) -> str:
    if not forecast.covered:
        return "not known"
    share = "" if forecast.covered == forecast.runs else f" for {forecast.covered} of {forecast.runs} runs"
    return f"{duration(forecast.seconds)}{share}"


def _grown(growing: str, case: Case) -> str:
    values = {
        "runs at once": case.at_once,
        IMAGE_SIZE: case.size,
        "images in an epoch": case.epoch_images,
        "seeds": case.in_a_row,
    }
    return str(values[growing])


def _print(columns: Sequence[Column]) -> None:
    shown, dropped = fitting(columns, out.width)
    out.print(plain_table(shown))
    if dropped:
        say(f"not shown for want of room: {', '.join(dropped)} (--json has all)", style="dim")


def _where(place: Place) -> str:
    return f"{place.hardware}, cores: {place.cores}, threads: {place.threads}, PyTorch {place.torch}"


def _number(value: float) -> str:
    return f"{value:,.0f}".replace(",", " ")


def _percent(share: float | None) -> str:
    return BLANK if share is None else f"{share * 100:.1f}"


def _range(spread: Spread, text: Callable[[float], str]) -> str:
    return f"{text(spread.low)} to {text(spread.high)}"
