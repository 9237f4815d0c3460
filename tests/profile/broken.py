"""Hypothesis strategies of broken profiles: bytes and mutated TOML, and mutations that cannot be valid."""

import unicodedata

from hypothesis import strategies as st

VALID = """\
title = "A study"
stages = ["pretrain", "supervised-random"]
seed = 7

[data]
name = "cifar10"
mean = [0.5, 0.5, 0.5]
holdout = 0.1

[rotation]
count = 4
jitter = 3.5

[network]
architecture = "resnet18"

[schedule.pretrain]
epochs = 45

[sweep]
"loss.label_smoothing" = [0, 0.1]
rotation.fill = [0.0, 1.0]
"""
LINES = VALID.split("\n")
ASSIGNMENTS = [number for number, line in enumerate(LINES) if " = " in line]
HOSTILE = [
    "'\x1b[31mred'",
    '"\\u001b]0;title\\u0007"',
    '"../../etc/passwd"',
    '"[red]bold[/]"',
    '"\\u202egnp"',
    '"""\\\n\\\n"""',
    "'''\n\n'''",
    "nan",
    "-inf",
    "1e999",
    "-0.0",
    "true",
    "1979-05-27T07:32:00Z",
    "07:32:00",
    "9" * 300,
    "0x" + "f" * 300,
    "9" * 4400,
    "[]",
    "[[], {}]",
    "[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]",
    "{}",
    "{a.b.c = 1}",
    "{label_smoothing = [0]}",
    "range(0,5)",
    '"\ud7ff"',
]
LOOKS_LIKE_A_LINE = [
    "[loss]",
    "[[data]]",
    "[sweep]",
    "[a.b.c]",
    "=",
    "]",
    '"""',
    "'''",
    "#",
    "\\",
    "extends = 'p.toml'",
]

values = st.one_of(
    st.sampled_from(HOSTILE),
    st.integers().map(str),
    st.floats().map(str),
    st.text(max_size=20).map(lambda text: f'"{text}"'),
    st.text(max_size=20),
)


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A valid profile after one to six edits of its lines; it may still be valid."""
    lines = list(LINES)
    for _ in range(draw(st.integers(1, 6))):
        number = draw(st.integers(0, len(lines) - 1))
        match draw(st.sampled_from(["delete", "duplicate", "swap", "value", "key", "insert", "bytes"])):
            case "delete" if len(lines) > 1:
                del lines[number]
            case "duplicate":
                lines.insert(draw(st.integers(0, len(lines))), lines[number])
            case "swap":
                other = draw(st.integers(0, len(lines) - 1))
                lines[number], lines[other] = lines[other], lines[number]
            case "value":
                lines[number] = f"{lines[number].split(' = ')[0]} = {draw(values)}"
            case "key":
                lines[number] = f"{draw(st.text(max_size=12))} = {draw(values)}"
            case "insert":
                lines.insert(number, draw(st.sampled_from(LOOKS_LIKE_A_LINE)))
            case _:
                position = draw(st.integers(0, len(lines[number])))
                lines[number] = lines[number][:position] + draw(st.characters()) + lines[number][position:]
    return "\n".join(lines).encode("utf-8", "surrogatepass")


any_profile = st.one_of(mutated(), st.binary(max_size=300), st.text(max_size=300).map(lambda t: t.encode()))


def _changed(key: str, value: str) -> bytes:
    changed = [f"{key} = {value}" if line.startswith(f"{key} = ") else line for line in LINES]
    assert changed != LINES
    return "\n".join(changed).encode()


def _inserted(number: int, line: str) -> bytes:
    return "\n".join([*LINES[:number], line, *LINES[number:]]).encode()


_bare = st.text("abcdefghijklmnopqrstuvwxyz_", min_size=1, max_size=12)

surely_broken = st.one_of(
    st.builds(
        _inserted, st.sampled_from([0, *[n + 1 for n in ASSIGNMENTS]]), _bare.map(lambda k: f"zz_{k} = 1")
    ),
    st.builds(
        _inserted,
        st.just(0),
        st.text(max_size=10).map(
            lambda text: (
                '"zz' + "".join(f"\\U{ord(c):08x}" for c in text if unicodedata.category(c) != "Cs") + '" = 1'
            )
        ),
    ),
    st.sampled_from(ASSIGNMENTS).map(lambda number: _inserted(number, LINES[number])),
    st.integers(0, len(LINES)).map(lambda number: _inserted(number, "not a statement")),
    st.builds(
        _changed,
        st.sampled_from(["seed", "count", "epochs"]),
        st.one_of(
            st.integers(max_value=-1).map(str),
            st.integers(min_value=2**31).map(str),
            st.floats().map(repr),
            st.sampled_from(["true", '"4"', "[4]", "{}", "1979-05-27"]),
        ),
    ),
    st.builds(
        _changed,
        st.sampled_from(["holdout", "jitter"]),
        st.one_of(
            st.floats(min_value=46, allow_infinity=True).map(repr),
            st.floats(max_value=-1e-9).map(repr),
            st.sampled_from(["nan", "true", "'0'", "[0.1]", "1" + "0" * 400]),
        ),
    ),
    st.builds(_changed, st.sampled_from(["architecture", "name"]), st.sampled_from(HOSTILE)),
    st.builds(
        _changed,
        st.just("stages"),
        st.sampled_from(["[]", "'pretrain'", "['a']", "[1]", "['pretrain', 'pretrain']"]),
    ),
    st.builds(
        _changed, st.just("rotation.fill"), st.sampled_from(["[]", "0.0", "[6]", "[0, 0]", "['a']", "[[0]]"])
    ),
    st.integers(17, 3000).map(lambda depth: f"seed = {'[' * depth}{']' * depth}".encode()),
    st.binary(max_size=100).map(lambda junk: junk + b"\x00" + junk),
    st.binary(max_size=100).map(lambda junk: VALID.encode() + b"\xff" + junk),
    _bare.map(lambda name: f"extends = 'zz_{name}'".encode()),
    _bare.map(lambda name: f"extends = './zz_{name}/x.toml'".encode()),
    st.integers(1, 2000).map(lambda extra: b"#" * (65_536 + extra)),
)
