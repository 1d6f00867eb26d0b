/** Two sessions, strategy by strategy: what the one has more of than the other. */
import type { Compared, ComparedCell } from "@/api/types";
import { cellsOf } from "./cells";

type Estimate = ComparedCell["score"];

export interface Difference {
  strategy: string;
  one: ComparedCell;
  other: ComparedCell;
  /** Of the other less the one; null where they had different numbers of requests. */
  score: { mean: number; reach: number | null } | null;
  regret: { mean: number; reach: number | null } | null;
  /** Milliseconds. */
  p99: number | null;
}

/** Strategies that both have, in the order of the one. */
export function differences(one: Compared, other: Compared, scenario: string): Difference[] {
  const others = new Map(cellsOf(other, scenario).map((cell) => [cell.strategy, cell]));
  return cellsOf(one, scenario).flatMap((cell) => {
    const match = others.get(cell.strategy);
    return match === undefined ? [] : [between(cell, match)];
  });
}

function between(one: ComparedCell, other: ComparedCell): Difference {
  const alike = one.requests.mean === other.requests.mean;
  const [a, b] = [one.latency_ms.p99, other.latency_ms.p99];
  return {
    strategy: one.strategy,
    one,
    other,
    score: alike ? less(other.score, one.score) : null,
    regret: alike ? less(other.regret, one.regret) : null,
    p99: a === null || b === null ? null : b - a,
  };
}

/** As if they were independent: an interval of pairs on the same fleets would be narrower. */
function less(a: Estimate, b: Estimate): { mean: number; reach: number | null } | null {
  if (a.mean === null || b.mean === null) return null;
  const halves = [half(a), half(b)];
  const known = halves.every((each) => each !== null);
  return {
    mean: a.mean - b.mean,
    reach: known ? Math.hypot(...(halves as number[])) : null,
  };
}

const half = ({ mean, ci95: [, high] }: Estimate): number | null =>
  mean === null || high === null ? null : high - mean;
