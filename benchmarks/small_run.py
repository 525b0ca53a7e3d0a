"""Params of a run of seconds, for tests and benchmarks that run every stage: values for 'facevox profile --set'."""

# Six clips of three people, two seconds each: the smallest dataset that has a train and a test side.
SMALL = (
    "sources.demo.n_persons=3",
    "sources.demo.edge_cases=false",
    "sources.demo.duration_s=2.0",
    "persons.test_share=0.4",
    "pretrain_identity.epochs=1",
    "crop.n_random=3",
    "crop.n_candidates=3",
)

# Training that takes seconds.
TINY = (
    "model.width=8",
    "pretrain_voice.steps=2",
    "pretrain_audio_face.steps=2",
    "train.steps=2",
    "train.batch=2",
    "evaluate.max_faces_per_person=1",
    "evaluate.n_bootstrap=20",
    "evaluate.n_swap_persons=2",
)
