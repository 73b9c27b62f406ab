"""Evaluation: episodes of policies and teams on one mission, with scores and replays."""
