import Link from "next/link";
import type { RouteFrame } from "@/api/types";
import { Sparkline } from "@/charts/Sparkline";
import { Strategy } from "@/components/Strategy";
import type { Column } from "@/components/Table";
import * as format from "@/lib/format";
import type { Series } from "@/store/series";
import { look } from "@/theme/strategies";
import { Lane } from "./Lane";

/** By scenario, the largest regret: where its lanes begin. */
export function worstOf(routes: readonly RouteFrame[]): ReadonlyMap<string, number> {
  const worst = new Map<string, number>();
  for (const { scenario, regret } of routes) {
    worst.set(scenario ?? "", Math.max(worst.get(scenario ?? "") ?? 0, regret ?? 0));
  }
  return worst;
}

/** The columns of the race; `of` is a name of its own, where it has one; `to` leads to a route. */
export function columns(
  series: ReadonlyMap<string, Series>,
  worst: ReadonlyMap<string, number>,
  bounded: boolean,
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
    ...(bounded ? race(series, worst) : []),
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
      "p50 ms",
      "Half of the requests ended within",
      "low",
      (row) => row.latency_ms.p50,
      format.milliseconds,
    ),
    figure(
      "p99",
      "p99 ms",
      "99 of 100 requests ended within",
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

function race(
  series: ReadonlyMap<string, Series>,
  worst: ReadonlyMap<string, number>,
): Column<RouteFrame>[] {
  const start = (row: RouteFrame) => worst.get(row.scenario ?? "") ?? 0;
  return [
    {
      key: "lane",
      title: "Race to the bound",
      cell: (row) => <Lane strategy={row.strategy} regret={row.regret} worst={start(row)} />,
      className: "w-[22%] max-sm:col-span-3 max-sm:w-full max-sm:before:hidden!",
    },
    {
      key: "course",
      title: "Course",
      cell: (row) => (
        <Sparkline
          values={series.get(row.route)?.columns.regret ?? []}
          hue={look(row.strategy).hue}
          low={0}
          high={start(row)}
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
