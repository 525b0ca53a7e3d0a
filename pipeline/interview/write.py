"""Write an interview, pictures and sound, with its ground truth."""

from pathlib import Path

from pipeline.interview.mix import mix_sound
from pipeline.interview.picture import frames_of
from pipeline.interview.plan import InterviewSpec
from pipeline.interview.script import plan_interview
from pipeline.interview.takes import speeches_of, takes_of
from pipeline.interview.truth import InterviewTruth, truth_of
from pipeline.synthetic.voice.synthesis import SAMPLE_RATE_HZ
from pipeline.video.encode import Encoding, write_mp4


def write_interview(spec: InterviewSpec, path: Path) -> InterviewTruth:
    """Write the interview to ``path``, MP4 with H.264 and AAC, and return its ground truth.

    Equal specs give equal bytes on one type of machine.
    """
    interview = plan_interview(spec)
    speeches = speeches_of(interview)
    takes = takes_of(interview, speeches)
    write_mp4(
        path,
        frames_of(interview, takes),
        Encoding(fps=spec.fps, size_px=(spec.width_px, spec.height_px), crf=spec.crf),
        sound=mix_sound(interview, speeches),
        sample_rate_hz=SAMPLE_RATE_HZ,
    )
    return truth_of(interview, speeches, takes)


def truth_of_interview(spec: InterviewSpec) -> InterviewTruth:
    """Return the ground truth of the interview that ``write_interview`` writes, without drawing it."""
    interview = plan_interview(spec)
    speeches = speeches_of(interview)
    return truth_of(interview, speeches, takes_of(interview, speeches))
