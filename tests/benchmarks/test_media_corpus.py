"""A sample of the media corpus is read as it truly is, and its judge tells what is not."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.media_corpus.corpus import all_cases, ends_of, table_of
from benchmarks.media_corpus.judging import ALLOWED_DROP, OK_AND_WRONG, RIGHT, WRONG_CLASS, Verdict, judge
from benchmarks.media_corpus.project import Ended
from benchmarks.media_corpus.talkers import Talker
from benchmarks.media_corpus.truth import TURNS, Case, Shown, Truth, View, turned_view
from benchmarks.media_corpus.workshop import Workshop

CLEAN = "rate mp4 faststart"
SAMPLE = (
    CLEAN,
    "matrix stored transpose tagged so mp4",
    "matrix hflip by the movie's matrix",
    "aspect 4:3 container against codec",
    "aspect narrow with a matrix transpose",
    "interlaced h264 mp4 tff",
    "colour bt709 full h264 mp4",
    "colour ffv1 rgb",
    "hdr hlg 8 bit",
    "stamps one sound stamp +60 s",
    "stamps sound stamps wobble 15 ms",
    "joined intro without a face, then a talker",
    "start picture 0.4 s late mkv",
    "start cut at 1.3 s without encoding mp4",
    "gap in both ts",
    "sound right inverted, pcm",
    "streams sound 2 of 2 is the default mkv",
    "streams cover before mp4",
    "broken truncated mp4",
    "broken concat list",
)

Read = tuple[dict[str, tuple[Case, Ended]], Workshop]


@pytest.fixture(scope="module")
def read(tmp_path_factory: pytest.TempPathFactory) -> Read:
    folder = tmp_path_factory.mktemp("corpus")
    cases = [case for case in all_cases() if case.name in SAMPLE]
    assert len(cases) == len(SAMPLE)
    return {case.name: (case, ended) for case, ended in ends_of(cases, folder, jobs=2)}, Workshop(folder)


@pytest.mark.slow
@pytest.mark.parametrize("name", SAMPLE)
def test_a_file_of_the_sample_ends_as_it_truly_should(read: Read, name: str) -> None:
    ends, shop = read
    verdict = judge(*ends[name], shop)
    assert verdict.faults == ()
    assert verdict.verdict in (RIGHT, ALLOWED_DROP)


def moved(truth: Truth, picture_s: float, sound_s: float) -> Truth:
    (shown,), (heard,) = truth.shown, truth.heard
    later = replace(shown, start_s=shown.start_s + picture_s, end_s=shown.end_s + picture_s)
    return replace(
        truth, shown=(later,), heard=(replace(heard, start_s=heard.start_s + sound_s, end_s=heard.end_s + sound_s),)
    )


def seen_as(truth: Truth, **changes: object) -> Truth:
    return replace(truth, shown=(replace(truth.shown[0], **changes),))


OTHERWISE: dict[str, tuple[Callable[[Truth], Truth], str]] = {
    "another person": (lambda truth: seen_as(truth, talker=Talker(1)), "they look like person"),
    "mirrored": (lambda truth: seen_as(truth, view=turned_view(TURNS[4])), "not what is shown"),
    "upside down": (lambda truth: seen_as(truth, view=turned_view(TURNS[5])), "not what is shown"),
    "wider": (lambda truth: seen_as(truth, view=View(aspect=1.8)), "aspect"),
    "picture two frames late": (lambda truth: moved(truth, 0.08, 0.0), "of 0.08 s later"),
    "picture two frames early": (lambda truth: moved(truth, -0.08, 0.0), "of 0.08 s earlier"),
    "sound 80 ms late": (lambda truth: moved(truth, 0.0, 0.08), "0.08 s too early"),
    "sound 80 ms early": (lambda truth: moved(truth, 0.0, -0.08), "0.08 s too late"),
    "another voice": (lambda truth: replace(truth, heard=(replace(truth.heard[0], talker=Talker(1)),)), "sounds like"),
    "grey": (lambda truth: replace(truth, is_grey=True), "crops"),
    "longer": (lambda truth: seen_as(truth, end_s=9.0), "of the 9.00 s"),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", OTHERWISE)
def test_the_judge_tells_a_file_from_one_that_were_otherwise(read: Read, name: str) -> None:
    ends, shop = read
    case, ended = ends[CLEAN]
    change, fault = OTHERWISE[name]
    verdict = judge(replace(case, truths=(change(case.truths[0]),)), ended, shop)
    assert verdict.verdict == OK_AND_WRONG
    assert fault in "; ".join(verdict.faults)


def test_a_drop_that_is_not_allowed_is_a_wrong_class() -> None:
    case = Case("a", "rate", lambda shop, path: None)
    dropped = Ended(picture=("failed", "undecodable"), sound=("filtered", "no_speech"))
    verdict = judge(case, dropped, Workshop(Path()))
    assert verdict.verdict == WRONG_CLASS and len(verdict.faults) == 2


def test_the_best_of_several_truths_counts() -> None:
    dropped = Truth(picture=frozenset({"failed"}), sound=frozenset({"failed"}))
    case = Case("a", "rate", lambda shop, path: None, truths=(Truth(), dropped))
    verdict = judge(case, Ended(picture=("failed", "undecodable"), sound=("failed", "undecodable")), Workshop(Path()))
    assert verdict.verdict == RIGHT


def test_the_corpus_has_300_files_of_every_kind_and_the_table_counts_them() -> None:
    cases = all_cases()
    assert len(cases) >= 300
    table = table_of([Verdict(case, RIGHT) for case in cases])
    assert table.splitlines()[-1].split() == ["all", str(len(cases)), str(len(cases)), "0", "0", "0"]
    assert all(isinstance(piece, Shown) for case in cases for truth in case.truths for piece in truth.shown)
