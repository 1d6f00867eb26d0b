import Link from "next/link";
import type { RouteFrame } from "@/api/types";
import { Sparkline } from "@/charts/Sparkline";
import { Strategy } from "@/components/Strategy";
import type { Column } from "@/components/Table";
import * as format from "@/lib/format";
import type { Series } from "@/store/series";
import { look } from "@/theme/strategies";
import { Lane } from "./Lane";

const STARTS = [0.9, 0.75, 0.5, 0.25, 0]; // shares of the bound at which lanes may begin

export type Starts = ReadonlyMap<string | null, number>;

/** By scenario, the share of the bound at which lanes begin: a round one, and nobody is behind it. */
export function startsOf(routes: readonly RouteFrame[]): Starts {
  const least = new Map<string | null, number>();
  for (const row of routes) {
    const share = shareOf(row);
    if (share !== null) least.set(row.scenario, Math.min(least.get(row.scenario) ?? 1, share));
  }
  const start = (share: number) => STARTS.find((each) => each < share) ?? 0;
  return new Map([...least].map(([scenario, share]) => [scenario, start(share)]));
}

/** How much of its bound a route has reached. */
const shareOf = ({ score, bound }: RouteFrame): number | null =>
  bound === null || bound <= 0 ? null : score / bound;

/** The columns of the race; `of` is a name of its own, where it has one; `to` leads to a route. */
export function columns(
  series: ReadonlyMap<string, Series>,
  bounded: boolean,
  starts: Starts,
  to: (route: string) => string,
  of: (row: RouteFrame) => string | null,
): Column<RouteFrame>[] {
  return [
    {
      key: "strategy",
      title: "Strategy",
      value: (row) => row.strategy,
      cell: (row) => (
        <Link href={to(row.route)} className="after:absolute after:inset-0">
          <Strategy name={row.strategy} of={of(row)} />
        </Link>
      ),
      className: "w-44 max-w-60",
    },
    {
      key: "route",
      title: "Route",
      value: (row) => row.route,
      cell: () => null,
      className: "hidden!",
    },
    ...(bounded ? race(series, starts) : []),
    figure(
      "score",
      "Score",
      "Deliveries − 0.5 × paid attempts",
      "high",
      (row) => row.score,
      format.score,
    ),
    ...(bounded
      ? [
          figure(
            "bound",
            "Bound",
            "What no strategy's mean can beat",
            "high",
            (row) => row.bound,
            one,
            true,
          ),
        ]
      : []),
    figure("requests", "Requests", "Requests that ended", "high", (row) => row.requests),
    figure(
      "delivered",
      "Delivered",
      "Requests that a server served",
      "high",
      (row) => row.delivered,
    ),
    figure("given_up", "Given up", "Requests that ended otherwise", "low", (row) => row.given_up),
    figure(
      "paid_attempts",
      "Paid",
      "Attempts after the third of a request",
      "low",
      (row) => row.paid_attempts,
    ),
    figure(
      "rate_limited",
      "Refused",
      "Attempts that a server refused to try",
      "low",
      (row) => row.rate_limited,
    ),
    figure(
      "effort",
      "Att./req.",
      "Attempts per request that ended",
      "low",
      (row) => row.effort,
      (value) => format.number(value, 2),
    ),
    figure(
      "p50",
      "p50 ms in balancer",
      "Half of the requests took at most this, from coming into the balancer to the end",
      "low",
      (row) => row.latency_ms.p50,
      format.milliseconds,
    ),
    figure(
      "p99",
      "p99 ms in balancer",
      "99 of 100 requests took at most this, from coming into the balancer to the end",
      "low",
      (row) => row.latency_ms.p99,
      format.milliseconds,
    ),
    figure(
      "in_flight",
      "In flight",
      "Requests that have not ended yet",
      "low",
      (row) => row.in_flight,
      undefined,
      true,
    ),
  ];
}

function race(series: ReadonlyMap<string, Series>, starts: Starts): Column<RouteFrame>[] {
  return [
    {
      key: "lane",
      title: "Race to the bound",
      cell: (row) => (
        <Lane strategy={row.strategy} share={shareOf(row)} start={starts.get(row.scenario) ?? 0} />
      ),
      className: "w-[22%] max-sm:col-span-3 max-sm:w-full max-sm:before:hidden!",
    },
    {
      key: "course",
      title: "Course",
      cell: (row) => (
        <Sparkline
          values={series.get(row.route)?.columns.regret ?? []}
          hue={look(row.strategy).hue}
        />
      ),
      wide: true,
      className: "w-24 max-lg:hidden",
    },
    figure("regret", "Regret", "Bound − score: lower is better", "low", (row) => row.regret, one),
  ];
}

const one = (value: number | null | undefined) => format.number(value, 1);

function figure(
  key: string,
  title: string,
  hint: string,
  best: "high" | "low",
  value: (row: RouteFrame) => number | null,
  shown: (value: number | null) => string = (x) => format.number(x),
  wide = false,
): Column<RouteFrame> {
  return { key, title, hint, best, value, cell: (row) => shown(value(row)), figure: true, wide };
}
