import clsx from "clsx";
import type { RouteFrame } from "@/api/types";
import * as format from "@/lib/format";

const INSIDE =
  "From coming into the balancer to the end of the request. What its client waited may be more.";

type Fact = { name: string; value: string; hint?: string; strong?: boolean };

/** The numbers of a run, the ones that it is judged by first. */
export function Facts({ route }: { route: RouteFrame }) {
  return (
    <dl className="mb-4 flex flex-wrap gap-px overflow-hidden rounded-xl border border-line bg-line shadow-panel">
      {facts(route).map(({ name, value, hint, strong }) => (
        <div key={name} title={hint} className="grow basis-20 bg-surface px-3 py-2.5">
          <dt className="whitespace-nowrap text-ink-3 text-xs">{name}</dt>
          <dd className={clsx("num", strong ? "font-medium text-xl" : "pt-0.5 text-[15px]")}>
            {value}
          </dd>
        </div>
      ))}
    </dl>
  );
}

function facts(route: RouteFrame): Fact[] {
  const bounded: Fact[] = [
    { name: "Regret", value: format.number(route.regret, 1), hint: "Bound − score", strong: true },
    {
      name: "Bound",
      value: format.number(route.bound, 1),
      hint: "What no strategy's mean can beat",
    },
  ];
  return [
    {
      name: "Score",
      value: format.score(route.score),
      hint: "Deliveries − paid attempts × penalty",
      strong: true,
    },
    ...(route.bound === null ? [] : bounded),
    { name: "Requests", value: format.number(route.requests) },
    { name: "Delivered", value: format.number(route.delivered) },
    { name: "Given up", value: format.number(route.given_up) },
    { name: "Attempts", value: format.number(route.attempts) },
    {
      name: "Paid",
      value: format.number(route.paid_attempts),
      hint: "Attempts beyond the free ones",
    },
    { name: "Refused", value: format.number(route.rate_limited) },
    { name: "Att./req.", value: format.number(route.effort, 2) },
    {
      name: "p50 ms in balancer",
      value: format.milliseconds(route.latency_ms.p50),
      hint: INSIDE,
    },
    {
      name: "p99 ms in balancer",
      value: format.milliseconds(route.latency_ms.p99),
      hint: INSIDE,
    },
    { name: "In flight", value: format.number(route.in_flight) },
    {
      name: "Poss. twice",
      value: format.number(route.possibly_twice),
      hint: "Delivered after an earlier attempt was cut off, and so perhaps served before",
    },
  ];
}
