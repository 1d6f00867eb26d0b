/** Frames as the balancer sends them, for tests. */
import type { Connected, Decision, Frame, Histories, RouteFrame, RouteHistory } from "@/api/types";
import { FIELDS } from "@/store/series";

export function route(values: Partial<RouteFrame> = {}): RouteFrame {
  return {
    route: "v4-T1",
    path: "/v4/T1",
    strategy: "v4",
    scenario: "T1",
    requests: 10,
    delivered: 9,
    given_up: 1,
    attempts: 14,
    paid_attempts: 2,
    effort: 1.4,
    rate_limited: 0,
    score: 8,
    bound: 9.9,
    regret: 1.9,
    latency_ms: { p50: 2.1, p99: 9.5 },
    offered_rate: 10,
    seconds: 1,
    in_flight: 0,
    possibly_twice: 0,
    servers: {
      server: ["http://127.0.0.1:4000", "http://127.0.0.1:4001"],
      attempts: [10, 4],
      succeeded: [8, 1],
      failed: [2, 3],
      rate_limited: [0, 0],
      cancelled: [0, 0],
      mean: [0.75, 0.33],
      low: [0.48, 0.05],
      high: [0.94, 0.72],
      share: [0.7, 0.3],
      until: [0, 0],
    },
    ...values,
  };
}

export function frame(time: number, ...routes: RouteFrame[]): Frame {
  return { time, routes: routes.length > 0 ? routes : [route()] };
}

export function connected(values: Partial<Connected> = {}): Connected {
  return {
    boot: "aaaa",
    session: "20261122-100000-abcd",
    kind: "serve",
    data: "http://127.0.0.1:8000",
    runs: { "v4-T1": 1 },
    ...values,
  };
}

/** A history in which every number of a sample is its time. */
export function history(boot: string, times: number[], name = "v4-T1"): Histories {
  const columns = Object.fromEntries(FIELDS.map((field) => [field, times]));
  const row = { route: name, time: times, ...columns } as RouteHistory;
  return { ...connected({ boot }), routes: [row] };
}

export function decision(values: Partial<Decision> = {}): Decision {
  return {
    cursor: 1,
    time: 1,
    request: 1,
    id: "Ab1Ab1Ab1Ab1Ab1Ab1Ab1Ab1",
    attempt: 1,
    move: "send",
    server: "http://127.0.0.1:4000",
    until: null,
    index: [0.8, 0.3],
    eligible: [true, true],
    features: null,
    most_usd: null,
    budget_usd: null,
    price: null,
    outcome: "succeeded",
    latency_ms: 2,
    ...values,
  };
}
