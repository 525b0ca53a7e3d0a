"""The trainings: notes, curves as DVCLive writes them, pictures during training."""

from pipeline.core.base.layout import Layout
from pipeline.report.training import Training, read_trainings
from tests.report.made_run import make_training, write_curve, write_json


def read(at: Layout, stage: str) -> Training:
    return next(one for one in read_trainings(at) if one.stage == stage)


def test_stages_that_have_not_run_are_listed(data_run: Layout) -> None:
    assert [(one.stage, one.has_run) for one in read_trainings(data_run)] == [
        ("pretrain_identity", True),
        ("pretrain_voice", False),
        ("pretrain_audio_face", False),
        ("train", False),
    ]


def test_a_curve_is_named_by_its_path_and_drawn_from_its_rows(data_run: Layout) -> None:
    make_training(data_run)
    (chart,) = read(data_run, "train").charts
    assert chart.description == "train/face loss: 0.5000 at step 1, 0.2500 at step 9, all between 0.2500 and 0.5000"


def test_the_folder_that_dvclive_writes_is_read(data_run: Layout) -> None:
    from dvclive import Live

    with Live(dir=str(data_run.training_folder("train")), dvcyaml=None, save_dvc_exp=False) as live:
        for step in (1, 2):
            live.step = step
            live.log_metric("generator/total", 1.0 / step)
    (chart,) = read(data_run, "train").charts
    assert chart.description.startswith("generator/total: 1.000 at step 1, 0.5000 at step 2")


def test_a_row_cut_short_by_a_kill_is_left_out(data_run: Layout) -> None:
    path = data_run.training_folder("train") / "plots" / "metrics" / "face.tsv"
    write_curve(path, [(1, 0.5), (2, 0.25)])
    with path.open("a") as file:
        file.write("3")
    (chart,) = read(data_run, "train").charts
    assert "at step 2, " in chart.description


def test_of_many_curves_twelve_are_shown_and_the_others_counted(data_run: Layout) -> None:
    for number in range(15):
        write_curve(data_run.training_folder("train") / "plots" / "metrics" / f"loss_{number:02d}.tsv", [(1, 0.5)])
    training = read(data_run, "train")
    assert (len(training.charts), training.n_more_charts) == (12, 3)


def test_the_first_the_middle_and_the_last_picture_are_shown(data_run: Layout) -> None:
    make_training(data_run)
    assert [one.alt for one in read(data_run, "train").pictures] == [
        "Samples at step 0",
        "Samples at step 2",
        "Samples at step 4",
    ]
    folder = data_run.training_folder("train") / "pictures"
    for name in ("000000001.png", "000000002.png", "000000003.png", "000000004.png"):
        (folder / name).unlink()
    assert [one.alt for one in read(data_run, "train").pictures] == ["Samples at step 0"]


def test_a_training_without_a_network_has_its_reason(data_run: Layout) -> None:
    write_json(data_run.model_note("generator"), {"generator": None, "n_parameters": 0, "reason": "nobody is in train"})
    training = read(data_run, "train")
    assert training.has_run and training.no_network_reason == "nobody is in train"
