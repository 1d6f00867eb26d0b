"""``crossed``: what strategies beyond linear ones gain where only combinations of features tell.

And what they lose where a linear one is right: ``flb study crossed --data TABLE``.
"""

from flaky_load_balancer.simulation.studies.parts import Players, course, games, references
from flaky_load_balancer.simulation.studies.play import Setting
from flaky_load_balancer.simulation.studies.report import Cell, Report, Table, together

QUESTION = "What do learnt features and trees gain over a linear strategy?"
LINEAR = "linucb"
STRATEGIES = (LINEAR, "lints", "mixllm", "neural-linear", "bootstrap-trees")


def crossed(setting: Setting, players: Players) -> Report:
    """Strategies that are linear in features, and those that are not."""
    played = players.utilities(games(setting, STRATEGIES))
    known = references(setting)
    means = {name: table.mean(axis=1) for name, table in (played | known).items()}
    looks = len(STRATEGIES)
    half = setting.queries // 2
    rows: list[list[Cell]] = [
        [
            name,
            together(means[name], looks),
            together(table[:, half:].mean(axis=1), looks),
            together(means[name] - means[LINEAR], looks),
        ]
        for name, table in (played | known).items()
    ]
    head = ["strategy", "utility", "last half", f"over {LINEAR}"]
    best = max(STRATEGIES, key=lambda name: float(means[name].mean()))
    gain = together(means[best] - means[LINEAR], looks)
    said = f"{best} is best, {gain.mean:+.3f} ({gain.low:+.3f} to {gain.high:+.3f}) over {LINEAR}."
    return Report(
        setting,
        "crossed",
        QUESTION,
        [Table("mean utility of a query", head, rows)],
        said if best != LINEAR else f"{LINEAR} is best.",
        [course("crossed-course", "Utility over time", "utility", played)],
    )
