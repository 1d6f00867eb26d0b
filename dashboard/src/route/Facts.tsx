import type { RouteFrame } from "@/api/types";
import * as format from "@/lib/format";
import { type Fact, Strip } from "./Strip";

const INSIDE =
  "From coming into the balancer to the end of the request. What its client waited may be more.";

/** The numbers of a run, the ones that it is judged by first. */
export function Facts({ route }: { route: RouteFrame }) {
  return <Strip facts={facts(route)} />;
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
      value: format.number(route.possibly_twice ?? 0),
      hint: "Delivered after an earlier attempt was cut off, and so perhaps served before",
    },
  ];
}
