"""Limits on common content, those of params.yaml."""

from pipeline.identity.same_video.settings import SameVideoParams

PARAMS = SameVideoParams(min_same_share=0.8, min_common_s=5.0, max_sound_bits=12, max_picture_bits=18)
