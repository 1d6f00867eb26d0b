/** Comparisons as the balancer gives them, for tests. */
import type { Compared, ComparedCell } from "@/api/types";

const UNSURE: [null, null] = [null, null];

export function comparedCell(values: Partial<ComparedCell> = {}): ComparedCell {
  return {
    strategy: "v4",
    scenario: "T1",
    score: { mean: 95, ci95: UNSURE },
    regret: { mean: 3, ci95: UNSURE },
    bound: { mean: 98 },
    delivered: { mean: 97 },
    given_up: { mean: 3 },
    attempts: { mean: 140 },
    paid_attempts: { mean: 4 },
    rate_limited: { mean: 0 },
    latency_ms: { p50: 2, p99: 9 },
    behind: { mean: 0, ci95: UNSURE },
    requests: { mean: 100 },
    group: null,
    run: null,
    ...values,
  };
}

export function compared(values: Partial<Compared> = {}): Compared {
  const cells = values.cells ?? [comparedCell()];
  return {
    replications: 1,
    requests: 100,
    strategies: [...new Set(cells.map((cell) => cell.strategy))],
    scenarios: [...new Set(cells.flatMap((cell) => cell.scenario ?? []))],
    cells,
    overall: [],
    verdicts: [],
    sweeps: [],
    ...values,
  };
}
