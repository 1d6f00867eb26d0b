/** What can be followed over time, and how each is drawn. */
import * as format from "@/lib/format";
import type { Field } from "@/store/series";

export interface Measure {
  key: Field;
  name: string;
  /** In a row of buttons. */
  short?: string;
  unit: string;
  hint: string;
  format: (value: number, digits?: number) => string;
  /** On the axis in any case. */
  include: readonly number[];
  /** Always above 0, and worth a logarithmic axis. */
  log?: boolean;
}

const points = (value: number, digits = Number.isInteger(value) ? 0 : 1) =>
  format.number(value, digits);
const hundredths = (value: number, digits = 2) => format.number(value, digits);

export const MEASURES: readonly Measure[] = [
  {
    key: "regret",
    name: "Regret",
    unit: "points behind the bound",
    hint: "How far the score is behind the best that any strategy can reach on average. Lower is better; below 0 is luck.",
    format: points,
    include: [0],
  },
  {
    key: "score",
    name: "Score",
    unit: "points",
    hint: "Deliveries, less half a point for each paid attempt, under the bound that no mean can beat.",
    format: points,
    include: [0],
  },
  {
    key: "effort",
    name: "Attempts",
    unit: "attempts per request",
    hint: "Attempts that each request took until it ended. One is the least there is.",
    format: hundredths,
    include: [1],
  },
  {
    key: "rate_limited",
    name: "Refusals",
    unit: "refusals",
    hint: "Attempts that a server refused because it had admitted too many.",
    format: points,
    include: [0],
  },
  {
    key: "p50",
    name: "p50 in the balancer",
    short: "p50",
    unit: "ms in the balancer",
    hint: "Half of the requests took at most this, from coming into the balancer to the end.",
    format: format.milliseconds,
    include: [0],
    log: true,
  },
  {
    key: "p99",
    name: "p99 in the balancer",
    short: "p99",
    unit: "ms in the balancer",
    hint: "99 of 100 requests took at most this, from coming into the balancer to the end.",
    format: format.milliseconds,
    include: [0],
    log: true,
  },
];

export function measure(key: string): Measure {
  return MEASURES.find((each) => each.key === key) ?? MEASURES[0]!;
}
