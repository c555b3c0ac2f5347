"""The baseline: a linear controller found by random search (Mania, Guy & Recht 2018).

Same shape as ppo.py: a learner is a dictionary of arrays, and `improve` gives the next one. It
gets as many steps in the simulator as a learner of ppo.py.
"""

import numpy as np
from simulation import ACTIONS, OBSERVATIONS, Moments, draw_seeds, run_episodes

STEP = 0.02
NOISE = 0.03


def begin(options, number):  # noqa: ARG001 - as every learner begins
    """Return a controller that does nothing."""
    return {
        "gains": np.zeros((OBSERVATIONS, ACTIONS)),
        "observations": Moments.fresh(OBSERVATIONS).rows(),
    }


def improve(learner, options, number, iteration):
    """Try pairs of opposite changes, and go where more was returned."""
    dice = np.random.default_rng([options["seed"], 2, number, iteration])
    seen, pairs = Moments(learner["observations"]), options["episodes"] // 2
    changes = dice.standard_normal((pairs, OBSERVATIONS, ACTIONS))
    tried = learner["gains"] + NOISE * np.concatenate([changes, -changes])
    seeds = np.tile(draw_seeds(dice, pairs), 2)  # both of a pair begin alike
    observations, _, rewards = run_episodes(
        lambda _, x: np.einsum("eo,eoa->ea", seen.standardise(x), tried), seeds, options["horizon"]
    )
    returns = rewards.sum(axis=0)
    slope = np.einsum("p,poa->oa", returns[:pairs] - returns[pairs:], changes)
    gains = learner["gains"] + STEP / (pairs * (returns.std() + 1e-8)) * slope
    seen.add(observations[:-1].reshape(-1, OBSERVATIONS))
    return {"gains": gains, "observations": seen.rows()}, returns


def decide(learner, observations):
    """Return what the controller does."""
    return Moments(learner["observations"]).standardise(observations) @ learner["gains"]
