"""Each fault of a profile file, with the exact line it is told in."""

import os
from pathlib import Path

import pytest

from rotui.profile.faults import ProfileError
from rotui.profile.loading import load_experiment

STAGES = "pretrain, finetune-pretrained, finetune-random, supervised-pretrained, supervised-random"
NAME_RULE = "lower-case letters, digits, dot, dash and underscore, 1 to 64, starting with a letter or a digit"
DATA_KEYS = "name, path, variant, image_size, crop_padding, horizontal_flip, mean, std, holdout"
SECTIONS = "data, labels, rotation, network, loss, optimizer, schedule, compute, scale"
TOP_KEYS = f"name, title, description, published, stages, seed, {SECTIONS}"
SWEEP_RULE = "an array of 1 to 1000 entries, each a value that its key allows"

ONE_FAULT = [
    (
        "seed = 1\n[loss]\nlabel_smothing = 0.1\n",
        "p.toml:3: loss.label_smothing: unknown key, did you mean loss.label_smoothing "
        "(one of label_smoothing)",
    ),
    (
        "label_smoothing = 0.1\n",
        "p.toml:1: label_smoothing: unknown key, did you mean loss.label_smoothing "
        f"(one of {TOP_KEYS}, extends, sweep)",
    ),
    ("[data]\nqqq = 1\n", f"p.toml:2: data.qqq: unknown key (one of {DATA_KEYS})"),
    (
        '[data]\n"\\u001b[31m" = 1\n',
        f'p.toml:2: data."\\x1b[31m": unknown key (one of {DATA_KEYS})',
    ),
    (
        "[schedule.pretrain]\n\nepoch = 1\n",
        "p.toml:3: schedule.pretrain.epoch: unknown key, did you mean schedule.pretrain.epochs "
        "(one of epochs, decay_every)",
    ),
    (
        "[loss]\nlabel_smoothing = 1\n",
        "p.toml:2: loss.label_smoothing: 1 is too large "
        "(a number from 0 up to, not including, 1; probability)",
    ),
    (
        "[optimizer]\nlearning_rate = nan\n",
        "p.toml:2: optimizer.learning_rate: nan is not a finite number (a number above 0 and up to 10)",
    ),
    (
        "[optimizer]\nlearning_rate = 0\n",
        "p.toml:2: optimizer.learning_rate: 0 is too small (a number above 0 and up to 10)",
    ),
    (
        f"[optimizer]\nlearning_rate = 1{'0' * 400}\n",
        "p.toml:2: optimizer.learning_rate: a whole number of more than 30 digits is too large "
        "(a number above 0 and up to 10)",
    ),
    (
        "seed = 1.0\n",
        "p.toml:1: seed: 1.0 is a decimal number, which is the wrong type "
        "(a whole number from 0 to 2147483647)",
    ),
    (
        "seed = 1979-05-27\n",
        "p.toml:1: seed: 1979-05-27 is a date or time, which is the wrong type "
        "(a whole number from 0 to 2147483647)",
    ),
    (
        "loss = 3\n",
        "p.toml:1: loss: 3 is a whole number, which is the wrong type "
        "(a table with the keys label_smoothing)",
    ),
    (
        "seed = 1\n[[loss]]\nlabel_smoothing = 0\n",
        "p.toml:2: loss: [a table] is an array, which is the wrong type "
        "(a table with the keys label_smoothing)",
    ),
    (
        '[data]\nname = "imagnet"\n',
        'p.toml:2: data.name: "imagnet" is not one of the choices '
        "(one of digits, cifar10, imagenette, folder)",
    ),
    (
        '[data]\nhorizontal_flip = "yes"\n',
        'p.toml:2: data.horizontal_flip: "yes" is text, which is the wrong type (true or false)',
    ),
    (
        'stages = [\n  "pretrain",\n  "probe",\n]\n',
        f'p.toml:1: stages: "probe" is not one of the choices (one of {STAGES})',
    ),
    (
        "stages = []\n",
        f"p.toml:1: stages: [] is too short (an array of 1 to 5 entries, each one of {STAGES})",
    ),
    (
        'stages = ["pretrain", "pretrain"]\n',
        "p.toml:1: stages: a stage is named twice (each at most once)",
    ),
    (
        "[data]\nmean = [0.5, 0.5]\n",
        "p.toml:2: data.mean: takes one number for each colour channel (none or 3 numbers)",
    ),
    ("[data]\nimage_size = 64\n", "p.toml:2: data.image_size: cifar10 has 32 px images (32)"),
    (
        '# a comment\n\n[data]\nname = "folder"\n',
        "p.toml:3: data.path: a folder dataset needs the directory of its images (a path)",
    ),
    (
        "[rotation]\ncount = 8\njitter = 30\n",
        "p.toml:3: rotation.jitter: 30 degrees make the 8 rotations overlap (below 22.5)",
    ),
    ('name = "../x"\n', f'p.toml:1: name: "../x" has characters that are not allowed ({NAME_RULE})'),
    ('name = "a b"\n', f'p.toml:1: name: "a b" has characters that are not allowed ({NAME_RULE})'),
    ('name = "[red]"\n', f'p.toml:1: name: "[red]" has characters that are not allowed ({NAME_RULE})'),
    (
        'name = "\\u001b[31mx"\n',
        f'p.toml:1: name: "\\x1b[31mx" has characters that are not allowed ({NAME_RULE})',
    ),
    (
        'published = "../x"\n',
        f'p.toml:1: published: "../x" has characters that are not allowed ({NAME_RULE}, or empty)',
    ),
    ("seed = 1\nseed = 2\n\n", "p.toml:2: toml: cannot overwrite a value at column 9 (a TOML 1.0 document)"),
    ("seed = 1\ntitle = 'a\n", 'p.toml:2: toml: expected "\'" at the end of the file (a TOML 1.0 document)'),
    ('title = "a\nseed = 1\n', "p.toml:1: toml: illegal character '\\n' at column 11 (a TOML 1.0 document)"),
    ("seed = 1\nstages = [", "p.toml:2: toml: invalid value at the end of the file (a TOML 1.0 document)"),
    (b"seed = 1\ntitle = '\xff'\n", "p.toml:2: file: is not UTF-8 (TOML text in UTF-8)"),
    ("#" * 65_537, "p.toml:1: file: is too large (at most 65536 bytes)"),
    (f"seed = 1\nx = {'[' * 30_000}", "p.toml:2: toml: is nested too deeply (at most 16 levels)"),
    (f"seed = 1\n{'a.' * 30_000}a = 1", "p.toml:2: toml: is nested too deeply (at most 16 levels)"),
    (f"seed = 1\nx = {'{a=' * 15_000}", "p.toml:2: toml: is nested too deeply (at most 16 levels)"),
    (f"\nseed = {'1' * 5000}", "p.toml:2: toml: a number has too many digits (a TOML 1.0 document)"),
    ("seed = 1\n[sweep]\nseed = []\n", f"p.toml:3: sweep.seed: [] is too short ({SWEEP_RULE})"),
    (
        "[sweep]\nseed = 3\n",
        f"p.toml:2: sweep.seed: 3 is a whole number, which is the wrong type ({SWEEP_RULE})",
    ),
    (
        '[sweep]\nseed = [1]\n"loss.label_smothing" = [\n 0,\n 1]\n',
        "p.toml:3: loss.label_smothing: unknown key, did you mean loss.label_smoothing "
        "(one of label_smoothing)",
    ),
    ("[sweep]\nx.y = [1]\n", f"p.toml:2: x.y: unknown key (one of {TOP_KEYS})"),
    (
        "[sweep]\nloss = [0]\n",
        "p.toml:2: loss: is a table (one of its keys label_smoothing)",
    ),
    ("[sweep]\nseed = [1, 2, 1]\n", "p.toml:2: seed: 1 is there twice (each value once)"),
    (
        '[sweep]\nloss.label_smoothing = [0]\n"loss.label_smoothing" = [0]\n',
        "p.toml:3: sweep.loss.label_smoothing: is there twice (each key once)",
    ),
    (
        "[sweep]\nloss.label_smoothing = [\n 0, 1.5]\n",
        "p.toml:2: loss.label_smoothing: 1.5 is too large "
        "(a number from 0 up to, not including, 1; probability)",
    ),
    (
        "[rotation]\njitter = 40\n[sweep]\nseed = [1, 2]\nrotation.count = [4, 6]\n",
        "p.toml:5: rotation.jitter: 40 degrees make the 6 rotations overlap with rotation.count = 6 "
        "(below 30)",
    ),
    (
        f"[sweep]\nseed = {list(range(101))}\ndata.crop_padding = {list(range(10))}\n",
        "p.toml:3: sweep: gives 1010 expansions (at most 1000)",
    ),
    (
        "extends = 'nosuch/q.toml'\n",
        "p.toml:1: extends: nosuch/q.toml cannot be read: no such file or directory "
        "(the name or path of a profile)",
    ),
    ("seed = 1\nextends = '/'\n", "p.toml:2: extends: / is a directory (the name or path of a profile)"),
    (
        'extends = "a\\u0000/b"\n',
        "p.toml:1: extends: a\\x00/b cannot be read: a path holds no zero byte "
        "(the name or path of a profile)",
    ),
    (
        "extends = 'p.toml'\n",
        'p.toml:1: extends: "p.toml" is a profile that extends this one, p.toml '
        "(a profile that does not lead back to this one)",
    ),
    (
        "extends = 3\n",
        "p.toml:1: extends: 3 is a whole number, which is the wrong type (text of at most 4096 characters)",
    ),
]


@pytest.mark.parametrize(("content", "line"), ONE_FAULT, ids=[line[:60] for _, line in ONE_FAULT])
def test_a_fault_is_told_in_one_exact_line(faults, content, line):
    assert faults(content) == [line]


@pytest.mark.parametrize("key", ["name", "title", "description", "published", "extends", "sweep"])
def test_what_names_a_profile_is_not_swept_over(faults, key):
    line = f"p.toml:2: {key}: cannot be swept over (a setting of the experiment)"
    assert faults(f'[sweep]\n"{key}" = ["a", "b"]\n') == [line]


def test_every_fault_is_told_at_once_in_the_order_of_the_lines(faults):
    lines = faults(
        "seed = -1\n"
        "sede = 1\n"
        "[data]\n"
        "image_size = 64\n"
        "[loss]\n"
        "label_smoothing = true\n"
        "[sweep]\n"
        "rotation.count = [1, 99]\n",
        "network.width=1",
        limit=-1,
    )
    places = [line.split(": ")[0] for line in lines]
    assert places == [f"p.toml:{number}" for number in (1, 2, 4, 6, 8, 8)] + [
        "--set network.width=1",
        "--limit -1",
    ]


def test_faults_of_extended_files_are_told_with_the_child_s_even_where_it_overrides_them(faults, write):
    write("seed = -5\n[loss]\nlabel_smoothing = 3\n", "deep/parent.toml")
    assert faults("extends = 'deep/parent.toml'\nseed = 1\n[data]\nfoo = 1\n") == [
        f"p.toml:4: data.foo: unknown key (one of {DATA_KEYS})",
        "deep/parent.toml:1: seed: -5 is too small (a whole number from 0 to 2147483647)",
        "deep/parent.toml:3: loss.label_smoothing: 3 is too large "
        "(a number from 0 up to, not including, 1; probability)",
    ]


def test_a_syntax_error_in_an_extended_file_has_that_file_s_place(faults, write):
    write("seed = 1\nx =\n", "parent.toml")
    assert faults("extends = 'parent.toml'\n") == [
        "parent.toml:2: toml: invalid value at column 4 (a TOML 1.0 document)"
    ]


def test_what_goes_wrong_between_two_files_is_told_where_the_value_stands(faults, write):
    write("[rotation]\njitter = 40\n", "parent.toml")
    assert faults("extends = 'parent.toml'\n[rotation]\ncount = 8\n") == [
        "parent.toml:2: rotation.jitter: 40 degrees make the 8 rotations overlap (below 22.5)"
    ]


def test_a_ring_of_profiles_is_refused(faults, write):
    write("extends = 'p.toml'\n", "q.toml")
    assert faults("extends = 'q.toml'\n") == [
        'q.toml:1: extends: "p.toml" is a profile that extends this one, p.toml extends q.toml '
        "(a profile that does not lead back to this one)"
    ]


def test_a_chain_of_too_many_profiles_is_refused(faults, write):
    for number in range(20):
        write(f"extends = 'c{number + 1}.toml'\n", f"c{number}.toml")
    assert faults("extends = 'c0.toml'\n") == [
        "c14.toml:1: extends: the chain of profiles is too long (at most 16 files)"
    ]


@pytest.mark.parametrize("count", [2, 9])
def test_key_lines_are_found_behind_text_that_looks_like_other_statements(faults, count):
    before = (
        "description = '''\n[loss]\nseed = 3 # \"\n''' # [\n"
        + "stages = [ # ]\n'pretrain', # '\n]\n"
        + "\n" * count
    )
    assert faults(f'{before}title = """a\\\n"quoted""""\nseed = -1\n')[0].startswith(
        f"p.toml:{10 + count}: seed:"
    )


def test_windows_line_ends_count_once(faults):
    assert faults("title = 'a'\r\nstages = [\r\n'pretrain',\r\n]\r\nseed = -1\r\n")[0].startswith(
        "p.toml:5: seed:"
    )


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("../x", "../x:1: file: cannot be read: no such file or directory (a readable TOML file)"),
        (
            "nosuch.toml",
            "nosuch.toml:1: file: cannot be read: no such file or directory (a readable TOML file)",
        ),
        ("/", "/:1: file: is a directory (a readable TOML file)"),
        ("/dev/null", "/dev/null:1: file: is not a regular file (a readable TOML file)"),
        (
            "\x1b[31m/x",
            "\\x1b[31m/x:1: file: cannot be read: no such file or directory (a readable TOML file)",
        ),
        ("a\0.toml", "a\\x00.toml:1: file: cannot be read: a path holds no zero byte (a readable TOML file)"),
    ],
)
def test_a_path_that_cannot_be_read_is_named(name, line):
    with pytest.raises(ProfileError) as caught:
        load_experiment(name)
    assert str(caught.value) == line


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads every file")
def test_a_file_without_read_permission_is_named(write):
    Path(write("seed = 1\n")).chmod(0)
    with pytest.raises(ProfileError, match=r"^p.toml:1: file: cannot be read: permission denied \("):
        load_experiment("p.toml")


BUILT_IN = (
    "the path of a TOML file, or one of architecture, course-baseline, few-labels, imagenette, "
    "label-smoothing, pretraining, quick, rotation-count"
)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("quik", '"quik", did you mean quick'),
        ("a b", '"a b"'),
        ("[red]", '"[red]"'),
        ("\x1b[31m", '"\\x1b[31m"'),
        ("", '""'),
        ("..", '".."'),
    ],
)
def test_an_unknown_name_is_told_with_the_nearest_and_all_there_are(name, told):
    with pytest.raises(ProfileError) as caught:
        load_experiment(name)
    assert str(caught.value) == f"profile: name: there is no profile {told} ({BUILT_IN})"
