"""``flb tune``: parameters of a strategy by Optuna, judged on fleets that it was not tuned on."""
