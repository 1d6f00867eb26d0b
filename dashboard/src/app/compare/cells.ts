/** Parts of a comparison as the API gives it. What is noise and who is best, it says itself. */
import type { Compared, ComparedCell } from "@/api/types";
import { number } from "@/lib/format";

export type Measure = "regret" | "score";
export const ALL = "all";

/** The cells of one scenario, or of all together. */
export function cellsOf(compared: Compared, scenario: string): ComparedCell[] {
  if (scenario !== ALL && compared.scenarios.includes(scenario)) {
    return compared.cells.filter((cell) => cell.scenario === scenario);
  }
  return compared.overall.length > 0 ? compared.overall : compared.cells;
}

/** Where no bound is known there is no regret, and the score has to do. */
export function measureOf(all: readonly Compared[]): Measure {
  const cells = all.flatMap((compared) => compared.cells);
  return cells.some((cell) => cell.regret.mean !== null) ? "regret" : "score";
}

/** The best first; what is not known comes last. */
export function ranked(cells: readonly ComparedCell[], measure: Measure): ComparedCell[] {
  const sign = measure === "regret" ? 1 : -1;
  const value = (cell: ComparedCell) => sign * (cell[measure].mean ?? sign * Number.MAX_VALUE);
  return cells.toSorted((a, b) => value(a) - value(b));
}

/** What is known of chance, in a word; null where that is nothing, and for all who are not best. */
export function standing(
  cell: ComparedCell,
  rivals: readonly ComparedCell[],
): "best" | "among the best" | "reference" | null {
  if (cell.group === 0) return "reference";
  if (cell.group !== 1) return null;
  const leaders = rivals.filter(
    (each) => each.scenario === cell.scenario && each.group === 1,
  ).length;
  if (rivals.filter((each) => each.group !== 0).length < 2) return null;
  return leaders > 1 ? "among the best" : "best";
}

export function verdictOf(compared: Compared, scenario: string): string | undefined {
  const name = compared.scenarios.includes(scenario) ? scenario : null;
  const of = (wanted: string | null) =>
    compared.verdicts.find((each) => each.scenario === wanted)?.verdict;
  return of(name) ?? of(compared.scenarios[0] ?? null);
}

/** The ends of an interval; both the mean where none is known. */
export function ends(estimate: ComparedCell["score"]): [number, number] {
  const [low, high] = estimate.ci95;
  return [low ?? estimate.mean ?? 0, high ?? estimate.mean ?? 0];
}

/** `±0.4`, or nothing. */
export function reach({ mean, ci95: [, high] }: ComparedCell["score"]): string {
  return mean === null || high === null ? "" : `±${number(high - mean, 1)}`;
}

/** A cell in words. */
export function said(cell: ComparedCell, measure: Measure): string {
  const estimate = cell[measure];
  const [low, high] = estimate.ci95;
  const sure =
    low === null || high === null ? "" : `, 95 % between ${number(low, 1)} and ${number(high, 1)}`;
  return `${cell.strategy} ${number(estimate.mean, 1)}${sure}`;
}

/** From where to where a measure goes in all of these, with 0 for a regret. */
export function rangeOf(all: readonly Compared[], scenario: string, measure: Measure) {
  const values = all
    .flatMap((compared) => cellsOf(compared, scenario))
    .filter((cell) => cell[measure].mean !== null)
    .flatMap((cell) => ends(cell[measure]));
  const low = Math.min(...(measure === "regret" ? [0] : []), ...values);
  const high = Math.max(...(measure === "regret" ? [1] : []), ...values);
  return { low, high: high > low ? high : low + 1 };
}
