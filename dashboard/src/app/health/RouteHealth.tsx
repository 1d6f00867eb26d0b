"use client";

import Link from "next/link";
import { useMemo } from "react";
import { act, url } from "@/api/client";
import type { RouteDetail, RouteFrame } from "@/api/types";
import { ChartPanel } from "@/charts/ChartPanel";
import { LineChart } from "@/charts/LineChart";
import type { Line } from "@/charts/types";
import { Confirm } from "@/components/Confirm";
import { Panel } from "@/components/Panel";
import * as format from "@/lib/format";
import { added, rateOf, shareOf } from "@/store/rates";
import { lineOf, type Series } from "@/store/series";
import type { View } from "@/store/source";
import { worth } from "../route/Models";
import { useDetail } from "../route/useDetail";
import { ServersHealth } from "./ServersHealth";
import type { ServerHealth } from "./verdict";

const HOUR = 3600;
const MINUTE = 60;

/** One route: what came in and how it went, over time and now; then its servers. */
export function RouteHealth(props: {
  route: RouteFrame;
  servers: readonly ServerHealth[];
  view: View;
  now: number;
}) {
  const { route, servers, view, now } = props;
  const series = view.series.get(route.route);
  const detail = useDetail(route.route, view.connected?.boot ?? "", Math.floor(now / 2)).data;
  return (
    <section aria-label={`Route ${route.route}`} className="mb-6">
      <div className="mb-2 flex flex-wrap items-baseline gap-x-3 gap-y-1">
        <h2 className="min-w-0 break-all font-medium text-lg tracking-tight">
          <Link
            href={`/route?name=${encodeURIComponent(route.route)}`}
            className="underline decoration-line-strong underline-offset-4"
          >
            {route.route}
          </Link>
        </h2>
        <p className="mr-auto text-ink-3 text-xs">
          requests at <span className="num">{route.path}</span>, servers chosen by {route.strategy}
        </p>
        <Confirm
          name="Fresh"
          label={`Forget what ${route.route} has learnt`}
          question={`Forget what ${route.route} has learnt of its servers?`}
          onYes={() => act(`${url("/api/routes/{route}", { route: route.route })}/fresh`)}
        />
      </div>
      <Now route={route} series={series} now={now} detail={detail} />
      <Courses route={route} series={series} view={view} />
      <Panel
        title={`Servers of ${route.route}`}
        hint="Those in trouble first, then the busiest. The line is the share of attempts that succeeded, over the last two minutes."
      >
        <ServersHealth route={route} servers={servers} detail={detail} now={now} />
      </Panel>
    </section>
  );
}

function Now(props: {
  route: RouteFrame;
  series: Series | undefined;
  now: number;
  detail: RouteDetail | undefined;
}) {
  const { route, series, now, detail } = props;
  const requests = added(series, "requests", now, MINUTE);
  const delivered = added(series, "delivered", now, MINUTE);
  const facts: [string, string, string][] = [
    ["Requests/s", format.number(requests / MINUTE, 1), "Over the last minute"],
    [
      "Delivered",
      requests === 0 ? "–" : format.percent(delivered / requests, 1),
      "Share of the requests of the last minute",
    ],
    ["p50 ms in balancer", format.milliseconds(route.latency_ms.p50), "Since the start"],
    ["p99 ms in balancer", format.milliseconds(route.latency_ms.p99), "Since the start"],
    [
      "In flight",
      format.number(route.in_flight),
      "Requests that have not ended yet, held ones too",
    ],
    ["Held", format.number(detail?.held), "Requests that wait now for a server to wake"],
    [
      "Retries",
      format.number(detail?.retries),
      "Attempts after the first of a request, hedges apart",
    ],
    ...(detail?.budget == null
      ? []
      : [
          [
            "Retries left",
            format.number(detail.budget),
            "Tokens of the retry budget: without one, a request ends with the answer that it has",
          ] as [string, string, string],
        ]),
    ...(detail?.money?.left == null
      ? []
      : [
          ["Budget left", format.dollars(detail.money.left), worth(detail.money)] as [
            string,
            string,
            string,
          ],
        ]),
    ["Hedges", format.number(route.hedges ?? 0), "Attempts sent beside one that was slow"],
    ["Refused", format.number(route.rate_limited), "Attempts that a server refused"],
    ["Given up", format.number(route.given_up), "Requests that no server delivered"],
  ];
  return (
    <dl className="mb-3 flex flex-wrap gap-px overflow-hidden rounded-xl border border-line bg-line shadow-panel">
      {facts.map(([name, value, hint]) => (
        <div key={name} title={hint} className="grow basis-24 bg-surface px-3 py-2">
          <dt className="whitespace-nowrap text-ink-3 text-xs">{name}</dt>
          <dd className="num text-[15px]">{value}</dd>
        </div>
      ))}
    </dl>
  );
}

function Courses(props: { route: RouteFrame; series: Series | undefined; view: View }) {
  const { route, series, view } = props;
  const start = series?.time[0] ?? 0;
  const clock = (view.frame?.time ?? start) - start > HOUR;
  const origin = clock ? 0 : start;
  const version = series?.version;
  // biome-ignore lint/correctness/useExhaustiveDependencies: a series is changed in place
  const lines = useMemo(
    () => (series === undefined ? NOTHING : coursesOf(series, origin)),
    [series, version, origin],
  );
  const marks = view.restarts.map((time) => ({ x: time - origin, name: "restarted" }));
  const shared = { clock, marks, formatX: format.span, legend: false, height: 160 };
  return (
    <div className="mb-3 grid gap-3 md:grid-cols-[repeat(auto-fit,minmax(300px,1fr))]">
      <ChartPanel title={`Requests of ${route.route}`} level={3}>
        <LineChart
          title={`Requests of ${route.route}`}
          unit="per second"
          lines={lines.requests}
          include={[0]}
          format={(value, digits = 1) => format.number(value, digits)}
          {...shared}
        />
      </ChartPanel>
      <ChartPanel title={`Delivered of ${route.route}`} level={3}>
        <LineChart
          title={`Delivered of ${route.route}`}
          unit="share of requests"
          lines={lines.delivered}
          include={[0, 1]}
          format={(value) => format.percent(value)}
          {...shared}
        />
      </ChartPanel>
      <ChartPanel title={`Latency of ${route.route} in the balancer`} level={3}>
        <LineChart
          title={`Latency of ${route.route} in the balancer`}
          unit="ms"
          lines={lines.latency}
          format={format.milliseconds}
          log
          {...shared}
          legend
        />
      </ChartPanel>
    </div>
  );
}

const NOTHING = { requests: [] as Line[], delivered: [] as Line[], latency: [] as Line[] };

function coursesOf(series: Series, origin: number): typeof NOTHING {
  const solid = (hue: string, dash: number[] = []) => ({ hue, dash });
  const one = (key: string, hue: string, course: { x: number[]; y: (number | null)[] }): Line => ({
    key,
    label: key,
    look: solid(hue),
    ...course,
  });
  return {
    requests: [one("requests", "--hue-0", rateOf(series, "requests", origin))],
    delivered: [one("delivered", "--good", shareOf(series, "delivered", "requests", origin))],
    latency: [
      { ...one("p99", "--hue-1", lineOf(series, "p99", origin)), look: solid("--hue-1", [7, 3]) },
      one("p50", "--hue-0", lineOf(series, "p50", origin)),
    ].map((line) => ({ ...line, named: true })),
  };
}
