/** Strategies that differ in hyperparameters only: what their measure is for which values. */
import type { ComparedCell, Sweep } from "@/api/types";
import { type Ends, linear, logarithmic, type Scale } from "@/charts/scale";
import { ends, type Measure } from "./cells";

type Value = Sweep["parameters"][string][number];

/** One strategy of a sweep. */
export interface Setting {
  cell: ComparedCell;
  /** By parameter. */
  values: Record<string, Value>;
}

const FEW = 4; // values that are all written at their axis
const WIDE = 8; // times the lowest value: with more in between, an axis is logarithmic

/** Those of which something is known, in the order of the first parameter. */
export function settingsOf(
  sweep: Sweep,
  cells: readonly ComparedCell[],
  measure: Measure,
): Setting[] {
  const names = Object.keys(sweep.parameters);
  const found = sweep.strategies.flatMap((strategy, at) => {
    const cell = cells.find((each) => each.strategy === strategy && each[measure].mean !== null);
    if (cell === undefined) return [];
    const pairs = names.map((name) => [name, sweep.parameters[name]![at] ?? null]);
    return [{ cell, values: Object.fromEntries(pairs) }];
  });
  const order = (setting: Setting) => Number(setting.values[names[0] ?? ""]);
  return found.toSorted((a, b) => order(a) - order(b) || 0);
}

/** The one parameter that a curve can be drawn over; null if there are several, or no numbers. */
export function curveOver({ parameters }: Sweep): string | null {
  const [name, ...others] = Object.keys(parameters);
  if (name === undefined || others.length > 0) return null;
  return numeric(parameters[name]!) ? name : null;
}

export const numeric = (values: readonly Value[]): values is readonly number[] =>
  values.every((value) => typeof value === "number");

/** An axis for these values: by factors where they lie far apart; words in the order they come in. */
export function axisOf(values: readonly Value[], pixels: Ends, room: number): Axis {
  const different = [...new Set(values)];
  if (!numeric(different)) {
    const places = linear([-0.5, different.length - 0.5], pixels);
    const at = (value: Value) => places.at(different.indexOf(value));
    return { at, ticks: different.map((value) => ({ at: at(value), text: String(value) })) };
  }
  const [low, high] = [Math.min(...different), Math.max(...different)];
  if (low === high) return axisOf([low - 1, low, low + 1], pixels, room);
  const by = low > 0 && high / low >= WIDE ? logarithmic : linear;
  const scale = by([low, high], pixels, room);
  return written(different.length <= FEW ? { ...scale, ticks: different } : scale);
}

export interface Axis {
  at: (value: Value) => number;
  ticks: readonly { at: number; text: string }[];
}

const written = ({ at, ticks }: Scale): Axis => ({
  at: (value) => at(Number(value)),
  ticks: ticks.map((tick) => ({ at: at(tick), text: String(tick) })),
});

/** From where to where the intervals of these go. */
export function reachOf(settings: readonly Setting[], measure: Measure): [number, number] {
  const values = settings.flatMap(({ cell }) => ends(cell[measure]));
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const air = 0.06 * (high - low || 1);
  return [low - air, high + air];
}

/** The best others, as a measure of the sweep: those that are not far from it. */
export function rivalsOf(
  sweep: Sweep,
  ranking: readonly ComparedCell[],
  measure: Measure,
  [low, high]: Ends,
): ComparedCell[] {
  const near = (mean: number | null) =>
    mean !== null && mean > low - (high - low) && mean < high + (high - low);
  return ranking
    .filter((cell) => !sweep.strategies.includes(cell.strategy) && near(cell[measure].mean))
    .slice(0, RIVALS);
}

const RIVALS = 2;
