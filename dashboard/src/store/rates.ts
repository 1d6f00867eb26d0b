/** How fast counts rise, and what share of one another is, over a few seconds before each sample. */
import type { Field, Series } from "./series";

const WINDOW = 5; // seconds

interface Course {
  x: number[];
  y: (number | null)[];
}

/** Per second. */
export function rateOf(series: Series, field: Field, origin: number, window = WINDOW): Course {
  return over(series, origin, window, (from, to) => {
    const seconds = series.time[to]! - series.time[from]!;
    return seconds > 0 ? rise(series, field, from, to) / seconds : null;
  });
}

/** Of what was added to `whole`, the share that was added to `part`. */
export function shareOf(
  series: Series,
  part: Field,
  whole: Field,
  origin: number,
  window = WINDOW,
): Course {
  return over(series, origin, window, (from, to) => {
    const all = rise(series, whole, from, to);
    return all > 0 ? rise(series, part, from, to) / all : null;
  });
}

/** What was added to a count within so many seconds before `now`. */
export function added(
  series: Series | undefined,
  field: Field,
  now: number,
  window: number,
): number {
  if (series === undefined || series.time.length === 0) return 0;
  const first = Math.max(
    0,
    series.time.findLastIndex((time) => time <= now - window),
  );
  return rise(series, field, first, series.time.length - 1);
}

const rise = (series: Series, field: Field, from: number, to: number): number =>
  Math.max(0, (series.columns[field][to] ?? 0) - (series.columns[field][from] ?? 0));

function over(
  series: Series,
  origin: number,
  window: number,
  value: (from: number, to: number) => number | null,
): Course {
  const { time, samples } = series.timeline();
  let from = 0;
  const y = samples.map((to) => {
    if (to < 0 || series.columns.requests[to] === null) {
      from = to < 0 ? from : to + 1; // not over a hole
      return null;
    }
    while (from < to && series.time[from + 1]! <= series.time[to]! - window) from++;
    return from < to ? value(from, to) : null;
  });
  return { x: time.map((each) => each - origin), y };
}
