"use client";

import { type ReactNode, useMemo, useState } from "react";
import type { RouteFrame } from "@/api/types";
import { ZoomChoice, ZoomGroup } from "@/charts/zoom";
import { useSource } from "@/store/source";
import { Course } from "./Course";
import { Densities } from "./Densities";
import { Facts } from "./Facts";
import { bandsOf, type Known, troubles, UNKNOWN } from "./known";
import { Alerts, Learning } from "./Learning";
import { LimitBand } from "./LimitBand";
import { Servers } from "./Servers";
import { Shares } from "./Shares";
import { type Beliefs, serverRows } from "./servers";

const HOUR = 3600;

/**
 * One route at the moment that the source shows, live or replayed. `known` and `beliefs` are not in
 * frames: whoever knows them hands them over. Children are further panels beside the charts.
 */
export function RouteView(props: {
  route: RouteFrame;
  known: Known | undefined;
  beliefs?: Beliefs | undefined;
  children?: ReactNode;
}) {
  const { route, beliefs, known = UNKNOWN } = props;
  const view = useSource((all) => all);
  const [pointed, point] = useState<string | null>(null);
  const now = view.frame?.time ?? 0;
  const rows = useMemo(() => serverRows(route, now, known, beliefs), [route, now, known, beliefs]);
  const series = view.series.get(route.route);
  const start = series?.time[0] ?? now;
  const clock = now - start > HOUR;
  const origin = clock ? 0 : start;
  const marks = view.restarts.map((time) => ({ x: time - origin, name: "restarted" }));
  const stretches = useMemo(
    () => bandsOf(known, route.servers.server, origin, now),
    [known, route.servers.server, origin, now],
  );
  const shared = { series, origin, clock, stretches };
  return (
    <ZoomGroup>
      <Facts route={route} />
      <Learning route={route} now={now} />
      <Alerts route={route} />
      <Troubles all={troubles(known, route.servers.server, now)} />
      <div className="mb-4">
        <Servers rows={rows} highlight={pointed} onHighlight={point} />
      </div>
      <div className="mb-3 flex justify-end">
        <ZoomChoice />
      </div>
      <div className="mb-4 grid gap-4 md:grid-cols-[repeat(auto-fit,minmax(360px,1fr))]">
        <Shares rows={rows} highlight={pointed} onHighlight={point} {...shared} />
        <Course route={route} marks={marks} {...shared} />
        {route.servers.capacity !== undefined && <LimitBand rows={rows} {...shared} />}
        <Densities rows={rows} highlight={pointed} onHighlight={point} />
        {props.children}
      </div>
    </ZoomGroup>
  );
}

/** Which servers the scenario troubles now: what is believed of them is about to change. */
function Troubles({ all }: { all: readonly string[] }) {
  if (all.length === 0) return null;
  return (
    <p role="status" className="mb-4 rounded-lg border border-bad/40 bg-bad-soft px-4 py-2">
      <strong className="font-medium">A fault of the scenario holds now:</strong>{" "}
      <span className="num">{all.join("; ")}</span>
    </p>
  );
}
