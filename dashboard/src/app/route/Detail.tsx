"use client";

import Link from "next/link";
import { useEffect, useMemo } from "react";
import { Refused } from "@/api/client";
import type { RouteDetail, RouteFrame } from "@/api/types";
import { Disconnected, Missing } from "@/components/Connection";
import { Invalid } from "@/components/Invalid";
import { Failed, Loading, Note } from "@/components/Note";
import { Panel } from "@/components/Panel";
import { Strategy, Swatch } from "@/components/Strategy";
import * as format from "@/lib/format";
import { useHydrated, useUrlState } from "@/lib/url";
import { Latencies } from "@/route/Latencies";
import { RouteView } from "@/route/RouteView";
import { serverRows } from "@/route/servers";
import { live } from "@/store/live";
import { useSource } from "@/store/source";
import { ownName } from "../naming";
import { SplitPanel, useSplits } from "../split/SplitPanel";
import { useRunningSession } from "../useRunningSession";
import { Decisions } from "./Decisions";
import { Models } from "./Models";
import { Promises } from "./Promises";
import { useDecisions } from "./useDecisions";
import { useDetail } from "./useDetail";

const DEFAULTS = { name: "" };

/** One running route in full; which one is in the address. */
export function Detail() {
  const [{ name }] = useUrlState(DEFAULTS);
  const hydrated = useHydrated();
  const view = useSource((all) => all);
  const session = useRunningSession();
  const { frame, connected } = view;
  if (connected?.kind === "records") {
    return (
      <Note title="No route is running: this is the dashboard alone">
        Recorded ones can be replayed from <Link href="/runs">Runs</Link>.
      </Note>
    );
  }
  if (!hydrated || frame === null || connected === null) {
    return (
      <>
        <Disconnected />
        <Loading what="the route" />
      </>
    );
  }
  if (name === "" && frame.routes.length > 1) return <Which routes={frame.routes} />;
  const asked = name === "" ? frame.routes[0] : frame.routes.find(({ route }) => route === name);
  if (asked === undefined) return <Unknown name={name} routes={frame.routes} />;
  return (
    <>
      <Disconnected />
      <Missing />
      <Invalid session={session} />
      <Running key={asked.route} route={asked} routes={frame.routes} boot={connected.boot} />
    </>
  );
}

/** No route was named, and there are several. */
function Which({ routes }: { routes: readonly RouteFrame[] }) {
  return (
    <>
      <Disconnected />
      <Panel
        title="Which route?"
        hint={`${format.count(routes.length, "route")} are running; each has a page of its own.`}
      >
        <ul className="grid gap-x-6 sm:grid-cols-2 lg:grid-cols-3">
          {routes.map(({ route, strategy, scenario, requests }) => (
            <li key={route} className="border-line/70 border-b">
              <Link
                href={`/route?name=${encodeURIComponent(route)}`}
                className="flex min-h-9 items-center gap-3 py-1 hover:bg-sunken/60"
              >
                <Strategy name={strategy} of={route === strategy ? null : route} />
                <span className="ml-auto text-ink-3 text-xs">{scenario}</span>
                <span className="num text-ink-2 text-xs">{format.count(requests, "request")}</span>
              </Link>
            </li>
          ))}
        </ul>
      </Panel>
    </>
  );
}

function Unknown({ name, routes }: { name: string; routes: readonly RouteFrame[] }) {
  return (
    <Note title={`No route “${name}” is running`}>
      {format.count(routes.length, "route")} of now can be found under <Link href="/">Live</Link>.
    </Note>
  );
}

function Running(props: { route: RouteFrame; routes: readonly RouteFrame[]; boot: string }) {
  const { route, boot } = props;
  const connected = useSource((view) => view.connected);
  const now = useSource((view) => view.frame?.time ?? 0);
  // biome-ignore lint/correctness/useExhaustiveDependencies: whoever comes back has missed some
  useEffect(() => live.recallShares(route.route), [route.route, connected]);
  const tick = Math.floor(now);
  const detail = useDetail(route.route, boot, tick);
  const requests = useDecisions(route.route, boot, now);
  const splits = useSplits([route], boot, now);
  const { data } = detail;
  const rows = useMemo(() => serverRows(route, now, data, data?.beliefs), [route, now, data]);
  return (
    <>
      <Heading route={route} routes={props.routes} detail={data} />
      {detail.error instanceof Refused && <Failed error={detail.error} again={detail.reload} />}
      {splits.map((split) => (
        <SplitPanel key={split.route} split={split} />
      ))}
      {data?.models && <Models route={route.route} models={data.models} money={data.money} />}
      <RouteView route={route} known={data} beliefs={data?.beliefs}>
        {data && <Latencies detail={data} />}
        <Promises requests={requests} rows={rows} now={now} />
      </RouteView>
      <Decisions requests={requests} rows={rows} />
    </>
  );
}

function Heading(props: {
  route: RouteFrame;
  routes: readonly RouteFrame[];
  detail: RouteDetail | undefined;
}) {
  const { route, routes, detail } = props;
  const own = ownName(route, routes);
  return (
    <div className="mb-4 flex flex-wrap items-center gap-x-4 gap-y-2">
      <div className="mr-auto min-w-0">
        <h1 className="flex flex-wrap items-center gap-x-2.5 font-medium text-xl tracking-tight">
          <Swatch strategy={route.strategy} />
          {route.strategy}
          {own !== null && (
            <span className="min-w-0 break-all text-ink-3">
              at <span className="text-ink">{own}</span>
            </span>
          )}
          {route.scenario !== null && (
            <span className="text-ink-3">
              on <span className="text-ink">{route.scenario}</span>
            </span>
          )}
        </h1>
        <p className="break-words text-ink-3 text-xs">
          Requests come in at <span className="num">{route.path}</span>
          {detail && `. ${rules(detail)}`}
        </p>
      </div>
      {routes.length > 1 && <Switch route={route} routes={routes} />}
    </div>
  );
}

function rules({ rules: game }: RouteDetail): string {
  const most = format.count(game.max_attempts, "attempt");
  return `${most} at most, ${game.free_attempts} free, ${game.penalty} of a point for each further one.`;
}

/** The way to another route, and back. */
function Switch({ route, routes }: { route: RouteFrame; routes: readonly RouteFrame[] }) {
  const [, ask] = useUrlState(DEFAULTS);
  const at = routes.findIndex((each) => each.route === route.route);
  const step = (by: number) =>
    ask({ name: routes[(at + by + routes.length) % routes.length]!.route });
  return (
    <div className="flex items-center gap-1.5">
      <Link
        href="/"
        className="mr-2 text-ink-2 text-xs underline underline-offset-2 hover:text-ink"
      >
        All routes
      </Link>
      <Step name="Previous route" sign="←" onClick={() => step(-1)} />
      <select
        aria-label="Route"
        value={route.route}
        onChange={(event) => ask({ name: event.target.value })}
        className="h-7 max-w-56 rounded-md border border-line bg-surface px-2 text-xs max-sm:h-9"
      >
        {routes.map((each) => (
          <option key={each.route} value={each.route}>
            {each.route}
          </option>
        ))}
      </select>
      <Step name="Next route" sign="→" onClick={() => step(1)} />
    </div>
  );
}

function Step({ name, sign, onClick }: { name: string; sign: string; onClick: () => void }) {
  return (
    <button
      type="button"
      aria-label={name}
      title={name}
      onClick={onClick}
      className="grid size-7 place-items-center rounded-md border border-line bg-surface text-ink-2 hover:border-line-strong hover:text-ink max-sm:size-9"
    >
      {sign}
    </button>
  );
}
