"""What there is to learn from tables before the first request: ``flb fit`` for routing.

tasks_of(file)                    which words speak for which task      features = ["task:FILE"]
prior_of(file, features)          where servers stand, by preferences   pilot:prior=FILE
warm_of(spec, file, features)     what a strategy learns from answers   linucb:warm=FILE
"""

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy.optimize import minimize
from scipy.sparse import csr_matrix
from scipy.special import log_softmax, softmax

from flaky_load_balancer.core.balancer import Balancer
from flaky_load_balancer.core.types import Feedback, Floats, Ints, Outcome, Reward, Rules
from flaky_load_balancer.core.warm import Warm
from flaky_load_balancer.features import Features
from flaky_load_balancer.features.words import spelled
from flaky_load_balancer.registry import load
from flaky_load_balancer.simulation.studies.preferences import Preferences, fit_prior
from flaky_load_balancer.simulation.worlds.table import Answers, AnswersError, read_answers, rows_of

WORDS, RIDGE = 5_000, 1e-3  # the most common ones are weighed; how firmly weights are held at 0
BETTER = "better", "worse"
SUCCEEDED = np.array([int(Outcome.SUCCEEDED)])
ROW, NOTHING = np.zeros(1, dtype=np.intp), np.array([np.nan])


def tasks_of(file: Path) -> dict[str, Any]:
    """A linear model of the labels in column ``task``, from the words in column ``text``.

    Multinomial logistic regression on square roots of counts, as ``features.tasks`` applies it.
    """
    head, rows = rows_of(file)
    text, task = (_column(file, head, name) for name in ("text", "task"))
    labels = sorted({row[task] for row in rows})
    if len(labels) < 2:
        raise AnswersError(f"{file}: column task: expected two labels or more, not {labels}")
    counted = [Counter(spelled(row[text])) for row in rows]
    total = Counter(word for words in counted for word in words)
    known = {word: place for place, (word, _) in enumerate(total.most_common(WORDS))}
    target = np.array([labels.index(row[task]) for row in rows])
    weights, bias = _regression(_matrix(counted, known), target, len(labels))
    rounded = weights.round(4).tolist()
    words = {word: rounded[place] for word, place in known.items()}
    return {"labels": labels, "words": words, "bias": bias.round(4).tolist()}


def prior_of(file: Path, features: Sequence[str], seed: int = 0) -> dict[str, Any]:
    """A prior for ``pilot`` from pairs of servers: who won, and what was asked.

    Columns better, worse; or model_a, model_b and annotators' ann1, ann2, ... (0 a tie, 1 the first
    is better, 2 the second), as in PandaLM; and text, or instruction and input.
    """
    head, rows = rows_of(file)
    pairs = _pairs(file, head, rows)
    texts = [pair[2] for pair in pairs]
    servers = sorted({name for pair in pairs for name in pair[:2]})
    x = Features(list(features)).of_all(texts)
    winner, loser = (np.array([servers.index(pair[side]) for pair in pairs]) for side in (0, 1))
    rng = np.random.default_rng(seed)
    prior = fit_prior(Preferences(x, winner, loser), len(servers), rng, source=str(file))
    return {
        "names": servers,
        "features": list(features),
        "projection": prior.projection.tolist(),
        "offset": prior.offset.tolist(),
        "servers": prior.servers.tolist(),
        "accuracy": prior.accuracy,
    }


def warm_of(spec: str, file: Path, features: Sequence[str], usd: float = 0.0) -> Warm:
    """What a strategy learns of every answer in a table, of all servers to all queries."""
    answers = read_answers(file)
    x, marks = answers.features(features)
    arms = len(answers.models)
    rules = Rules(arms, 1, 1, features=x.shape[1], tasks=marks, rewards=True, usd=usd)
    strategy = load(spec)
    balancer = Balancer(strategy, rules, np.random.default_rng(0))
    for query in range(len(answers)):
        for arm in range(arms):
            _taught(balancer, answers, query, arm, x[query : query + 1])
    kind = type(strategy).__name__
    return Warm(str(file), kind, answers.models, rules.features, strategy.state())


def _taught(balancer: Balancer, answers: Answers, query: int, arm: int, x: Floats) -> None:
    now, number, server = np.array([float(query)]), np.array([query + 1]), np.array([arm])
    cost = answers.cost[query : query + 1, arm]
    balancer.observe(
        Feedback.of(
            *(ROW, now, server, SUCCEEDED, np.zeros(1), NOTHING),
            request=number,
            cost=cost,
            features=x,
        )
    )
    value = answers.quality[query : query + 1, arm]
    balancer.reward(Reward(ROW, now, number, server, value, NOTHING, x))


def _column(file: Path, head: Sequence[str], name: str) -> int:
    if name not in head:
        raise AnswersError(f"{file}: no column {name}; the columns are {', '.join(head) or 'none'}")
    return list(head).index(name)


def _matrix(counted: Sequence[Counter[str]], known: dict[str, int]) -> csr_matrix:
    """(n, words) square roots of how often each word is there."""
    entries = [
        (row, known[word], np.sqrt(count))
        for row, words in enumerate(counted)
        for word, count in words.items()
        if word in known
    ]
    rows, places, values = zip(*entries, strict=True) if entries else ((), (), ())
    return csr_matrix((values, (rows, places)), shape=(len(counted), len(known)))


def _regression(x: csr_matrix, target: Ints, labels: int) -> tuple[Floats, Floats]:
    """Weights (words, labels) and bias (labels,) of the largest likelihood, held near 0."""
    n, words = x.shape
    each = np.arange(n)
    truth = np.zeros((n, labels))
    truth[each, target] = 1.0

    def loss(flat: Floats) -> tuple[float, Floats]:
        weights, bias = flat[labels:].reshape(words, labels), flat[:labels]
        score = x @ weights + bias
        missed = softmax(score, axis=1) - truth
        slope = np.concatenate([missed.mean(axis=0), (x.T @ missed / n + RIDGE * weights).ravel()])
        fit = -log_softmax(score, axis=1)[each, target].mean()
        return float(fit + RIDGE / 2 * (weights**2).sum()), slope

    found = minimize(loss, np.zeros(labels * (words + 1)), jac=True, method="L-BFGS-B").x
    return found[labels:].reshape(words, labels), found[:labels]


def _pairs(
    file: Path, head: Sequence[str], rows: Sequence[Sequence[str]]
) -> list[tuple[str, str, str]]:
    """Winner, loser and text of every pair that is no tie."""
    texts = [name for name in ("text", "instruction", "input") if name in head]
    if not texts:
        raise AnswersError(f"{file}: no column text, nor instruction and input")
    places = [list(head).index(name) for name in texts]
    judged = [_judged(file, head, row, line) for line, row in enumerate(rows, start=2)]
    pairs = [
        (*said, "\n".join(row[place] for place in places).strip())
        for said, row in zip(judged, rows, strict=True)
        if said is not None
    ]
    if not pairs:
        raise AnswersError(f"{file}: no pair with a better and a worse answer")
    return pairs


def _judged(
    file: Path, head: Sequence[str], row: Sequence[str], line: int
) -> tuple[str, str] | None:
    """Who won and who lost; None for a tie."""
    fields = dict(zip(head, row, strict=True))
    if all(name in fields for name in BETTER):
        return fields["better"], fields["worse"]
    votes = [fields[name] for name in head if name.startswith("ann")]
    if not votes or not {"model_a", "model_b"} <= fields.keys():
        raise AnswersError(
            f"{file}: expected columns better and worse, or model_a, model_b and ann1, ...; the"
            f" columns are {', '.join(head)}"
        )
    if not set(votes) <= {"0", "1", "2"}:
        raise AnswersError(f"{file}: row {line}: ann*: expected 0, 1 or 2, not {votes}")
    lead = votes.count("1") - votes.count("2")
    pair = fields["model_a"], fields["model_b"]
    return None if not lead else pair if lead > 0 else pair[::-1]


def written(document: dict[str, Any]) -> bytes:
    return json.dumps(document).encode() + b"\n"
