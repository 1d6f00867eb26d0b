/**
 * Lines as the columns that uPlot wants: one x, then the y of every line in their order, then both
 * ends of every interval. Stacked, each line begins where the one before it ends. The first and the
 * last x are those at which something is known.
 */
import uPlot from "uplot";
import type { Line } from "./types";

type Column = readonly (number | null | undefined)[];

/** The lines that have an interval. */
export function intervals(lines: readonly Line[]): Line[] {
  return lines.filter((line) => line.low !== undefined && line.high !== undefined);
}

export function columns(lines: readonly Line[], stacked = false): uPlot.AlignedData {
  const first = lines[0]?.x ?? [];
  const ends = intervals(lines).flatMap(({ x, low, high }) => [
    { x, y: high! },
    { x, y: low! },
  ]);
  const all: { x: readonly number[]; y: Column }[] = [...lines, ...ends];
  const shared = lines.every(
    ({ x }) => x.length === first.length && x[0] === first[0] && x.at(-1) === first.at(-1),
  );
  if (shared) {
    const data = stacked ? stack(lines) : all.map(({ y }) => y);
    return trimmed([first, ...data], lines.length) as unknown as uPlot.AlignedData;
  }
  const joined = uPlot.join(
    all.map(({ x, y }) => [x, y] as unknown as uPlot.AlignedData),
    all.map(() => [0, 2]),
  );
  return trimmed(joined as unknown as Column[], lines.length) as unknown as uPlot.AlignedData;
}

/** Without what is at either end before anything is known, or when nothing is any more. */
function trimmed(data: Column[], lines: number): Column[] {
  const values = data.slice(1, lines + 1);
  const known = (at: number) => values.some((y) => y[at] !== null && y[at] !== undefined);
  let [from, to] = [0, data[0]?.length ?? 0];
  while (from < to && !known(from)) from++;
  while (to > from && !known(to - 1)) to--;
  return from === 0 && to === data[0]?.length ? data : data.map((each) => each.slice(from, to));
}

/** What a line says at an index, also where it is stacked upon others. */
export function valueAt(plot: uPlot, line: number, index: number, stacked = false): number | null {
  const top = plot.data[line + 1]?.[index] ?? null;
  if (!stacked || line === 0 || top === null) return top;
  return top - (plot.data[line]?.[index] ?? 0);
}

function stack(lines: readonly Line[]): Column[] {
  let below: Column | null = null;
  return lines.map(({ y }) => {
    const base: Column | null = below;
    below = y.map((value, index) => (value === null ? null : value + (base?.[index] ?? 0)));
    return below;
  });
}
