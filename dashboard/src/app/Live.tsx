"use client";

import Link from "next/link";
import { useMemo, useState } from "react";
import type { RouteFrame, SessionDetail } from "@/api/types";
import { OriginContext } from "@/charts/picture";
import { ZoomChoice, ZoomGroup } from "@/charts/zoom";
import { Choice } from "@/components/Choice";
import { Disconnected, Missing } from "@/components/Connection";
import { Loading, Note } from "@/components/Note";
import { Panel } from "@/components/Panel";
import { Search } from "@/components/Search";
import { CsvButton, sorting, Table } from "@/components/Table";
import * as format from "@/lib/format";
import { count } from "@/lib/format";
import { useUrlState } from "@/lib/url";
import { type Known, UNKNOWN } from "@/route/known";
import { MEASURES, measure } from "@/route/measures";
import { useSource, type View } from "@/store/source";
import { columns, type Starts, startsOf } from "./columns";
import { originOf } from "./compare/title";
import { Health } from "./health/Health";
import { standings } from "./leaders";
import { keyOf, ownName } from "./naming";
import { Race } from "./Race";
import { RaceHeader } from "./RaceHeader";
import { useFaults } from "./useFaults";
import { useRunningSession } from "./useRunningSession";

const ALL = "all";
const COLOURED = 5;
const NONE: readonly RouteFrame[] = [];
const VIEW = { view: "" }; // of `flb serve`: its health, or the race
const DEFAULTS = { scenario: ALL, strategy: "", show: "regret", sort: "", axis: "linear" };
const AXES = [
  { value: "linear", name: "Linear" },
  { value: "log", name: "Log" },
];
const CHOICES = MEASURES.map(({ key, name, short }) => ({ value: key, name: short ?? name }));

/** Every route that runs, as a row of a race; in production there may be just one. */
export function Live() {
  const view = useSource((all) => all);
  return (
    <>
      <h1 className="sr-only">Live</h1>
      <Disconnected />
      <Missing />
      <Content view={view} />
    </>
  );
}

function Content({ view }: { view: View }) {
  const { frame, connected } = view;
  const session = useRunningSession();
  const [asked] = useUrlState(VIEW);
  const known = useFaults(frame?.routes ?? NONE);
  if (connected?.kind === "records") return <Alone />;
  if (frame === null) return <Loading what="what the balancer does" />;
  if (frame.routes.every((route) => route.requests + route.in_flight === 0)) {
    return <Waiting address={`${connected?.data ?? ""}${frame.routes[0]?.path ?? "/"}`} />;
  }
  if (connected?.kind === "serve" && asked.view !== "race") {
    return <Health view={view} routes={frame.routes} />;
  }
  return <Running view={view} routes={frame.routes} session={session} known={known} />;
}

/** `flb dashboard`: there is no balancer behind this page. */
function Alone() {
  return (
    <Note title="Nothing runs here: this is the dashboard alone">
      What was recorded is on <Link href="/runs">Runs</Link>, to be replayed, and on{" "}
      <Link href="/compare">Compare</Link>. To see strategies race, stop it and start{" "}
      <code>make harness</code>.
    </Note>
  );
}

function Waiting({ address }: { address: string }) {
  return (
    <Note title="The balancer is ready, and no request has come yet">
      The first one shows up here by itself. Send it, for example, with
      <br />
      <code>curl -H 'Content-Type: text/plain' -d Ab1Ab1Ab1Ab1Ab1Ab1Ab1Ab1 {address}</code>
    </Note>
  );
}

const detail = (route: string) => `/route?name=${encodeURIComponent(route)}`;

/** The race: live, or replayed. */
export function Running(props: {
  view: View;
  routes: readonly RouteFrame[];
  session?: SessionDetail | undefined;
  /** Of one that is replayed. */
  valid?: boolean;
  /** Of each scenario's fleet. */
  known: ReadonlyMap<string | null, Known>;
  /** Where a route is shown in full. */
  to?: (route: string) => string;
}) {
  const { view, routes, to = detail } = props;
  const [asked, ask] = useUrlState(DEFAULTS);
  const [pointed, point] = useState<string | null>(null);
  const scenarios = [...new Set(routes.map(scenarioOf))].toSorted();
  const shown = useMemo(
    () => routes.filter((row) => matches(row, ownName(row, routes), asked)),
    [routes, asked],
  );
  const bounded = routes.some((row) => row.regret !== null);
  const measured = measure(bounded ? asked.show : asked.show === "regret" ? "score" : asked.show);
  const { session } = props;
  const ranked = props.valid ?? session?.valid !== false;
  const table = useMemo(
    () =>
      columns(view.series, bounded && ranked, startsOf(routes), to, (row) => ownName(row, routes)),
    [view.series, routes, bounded, ranked, to],
  );
  const first = useMemo(() => leading(shown), [shown]);
  const by = sorting.read(asked.sort || (!ranked ? "strategy" : bounded ? "regret" : "score"));
  return (
    <OriginContext value={originOf(session)}>
      <ZoomGroup>
        <RaceHeader routes={routes} session={session} valid={ranked} onPoint={point} />
        <div className="mb-4 flex flex-wrap items-center gap-x-4 gap-y-2">
          <p className="mr-auto text-ink-2">{summary(routes, scenarios)}</p>
          {scenarios.length > 1 && (
            <Choice
              label="Scenario"
              value={asked.scenario}
              options={[
                { value: ALL, name: "All" },
                ...scenarios.map((name) => ({ value: name, name })),
              ]}
              onChange={(scenario) => ask({ scenario })}
            />
          )}
          <Choice
            label="Shown over time"
            value={measured.key}
            options={bounded ? CHOICES : CHOICES.slice(1)}
            onChange={(show) => ask({ show })}
          />
          <Search
            label="Strategies to show"
            hint="Filter strategies: v4 v6"
            value={asked.strategy}
            onChange={(strategy) => ask({ strategy })}
          />
        </div>
        <div className="mb-3 flex flex-wrap items-center gap-x-4 gap-y-2">
          <p className="mr-auto text-ink-3 text-xs">{measured.hint}</p>
          {measured.log && (
            <Choice
              label="Axis"
              value={asked.axis}
              options={AXES}
              onChange={(axis) => ask({ axis })}
            />
          )}
          <ZoomChoice />
        </div>
        <div className="mb-4 grid gap-4 md:grid-cols-[repeat(auto-fit,minmax(360px,1fr))]">
          {scenarios
            .filter((name) => shown.some((row) => scenarioOf(row) === name))
            .map((name) => (
              <Race
                key={name}
                scenario={name}
                routes={shown.filter((row) => scenarioOf(row) === name)}
                all={routes}
                view={view}
                measure={measured}
                known={props.known.get(name) ?? UNKNOWN}
                log={measured.log === true && asked.axis === "log"}
                first={first}
                highlight={pointed}
                onHighlight={point}
              />
            ))}
        </div>
        <Panel
          title="Race"
          hint={
            bounded
              ? `The finish on the right is the bound: what no strategy's mean can beat${where(startsOf(routes))}. One run is noise: a few points may well be chance.`
              : undefined
          }
          actions={<CsvButton name="race" columns={table} rows={shown} by={by} />}
        >
          {shown.length === 0 ? (
            <p className="py-8 text-center text-ink-3">No route matches the filters.</p>
          ) : (
            <Table
              caption="Running routes"
              columns={table}
              rows={shown}
              rowKey={(row) => row.route}
              by={by}
              onSort={(sort) => ask({ sort: sorting.write(sort) })}
              {...(scenarios.length > 1 ? { group: scenarioOf } : {})}
              onPoint={(row) => point(row && keyOf(row, routes))}
              rowClass={(row) => (keyOf(row, routes) === pointed ? "bg-sunken/60" : undefined)}
            />
          )}
        </Panel>
      </ZoomGroup>
    </OriginContext>
  );
}

/** `; the start is 90 % of it on T1, 0 % on T2`; nothing before the first requests have ended. */
function where(starts: Starts): string {
  const all = [...starts].map(
    ([name, share], at) => `${format.percent(share)}${at === 0 ? " of it" : ""} on ${name}`,
  );
  return all.length === 0 ? "" : `; the start is ${all.join(", ")}`;
}

/** Those that have colour, while the others are grey until somebody asks. */
function leading(routes: readonly RouteFrame[]): ReadonlySet<string> {
  const all = standings(routes);
  return new Set(all.slice(0, COLOURED).map(({ key }) => key));
}

const scenarioOf = (row: RouteFrame) => row.scenario ?? "";

function matches(row: RouteFrame, own: string | null, asked: typeof DEFAULTS): boolean {
  const words = asked.strategy.toLowerCase().split(/\s+/).filter(Boolean);
  const named =
    words.length === 0 ||
    words.some((word) => `${row.strategy} ${own ?? ""}`.toLowerCase().includes(word));
  return named && (asked.scenario === ALL || scenarioOf(row) === asked.scenario);
}

function summary(routes: readonly RouteFrame[], scenarios: readonly string[]): string {
  const strategies = new Set(routes.map((row) => row.strategy)).size;
  const on = scenarios.filter(Boolean).join(", ");
  return `${count(routes.length, "route")}: ${count(strategies, "strategy", "strategies")}${on && ` on ${on}`}`;
}
