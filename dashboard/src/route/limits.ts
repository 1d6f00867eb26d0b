/** What is believed of a server's limit, over time, beside what was sent there and refused. */
import type { Line } from "@/charts/types";
import type { Series } from "@/store/series";
import type { ServerRow } from "./servers";

const WINDOW = 3; // seconds that rates are counted over
const ABOVE = 2.5; // times the highest number: so much of the band is drawn, as it may go to infinity

/** The server whose limit says most: the one that refused most often. */
export function mostRefusing(rows: readonly ServerRow[]): ServerRow | undefined {
  return rows.toSorted((a, b) => b.refused - a.refused || b.attempts - a.attempts)[0];
}

/** The lines of one server, per second; none where no limit was met. */
export function limitLines(series: Series, place: number, origin: number): Line[] {
  const { time, samples } = series.timeline();
  const column = (name: "low" | "believed" | "high") =>
    samples.map((at) => series.limits[at]?.[name][place] ?? null);
  const believed = column("believed");
  if (believed.every((value) => value === null)) return [];
  const x = time.map((each) => each - origin);
  const sent = rates(series, "attempts", place, time, samples);
  const refused = rates(series, "refused", place, time, samples);
  const known = [...believed, ...sent].filter((value) => value !== null);
  const top = ABOVE * Math.max(...known);
  const cut = (value: number | null) => (value === null ? null : Math.min(value, top));
  return [
    {
      key: "limit",
      label: "believed limit",
      look: { hue: "--accent", dash: [] },
      x,
      y: believed.map(cut),
      low: column("low").map(cut),
      high: column("high").map(cut),
    },
    { key: "sent", label: "attempts", look: { hue: "--hue-5", dash: [6, 3] }, x, y: sent },
    { key: "refused", label: "refusals", look: { hue: "--bad", dash: [2, 2] }, x, y: refused },
  ];
}

/** Counts per second, each over the last seconds before its moment. */
function rates(
  series: Series,
  name: "attempts" | "refused",
  place: number,
  time: readonly number[],
  samples: readonly number[],
): (number | null)[] {
  let from = 0;
  return samples.map((at, index) => {
    const count = series.limits[at]?.[name][place];
    if (count === undefined) {
      from = index + 1; // nothing is counted across a hole
      return null;
    }
    while (from + 1 < index && time[index]! - time[from + 1]! >= WINDOW) from++;
    const before = series.limits[samples[from]!]?.[name][place];
    const seconds = time[index]! - time[from]!;
    return before === undefined || seconds === 0 ? null : (count - before) / seconds;
  });
}
