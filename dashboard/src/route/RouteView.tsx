"use client";

import { type ReactNode, useMemo, useState } from "react";
import type { RouteFrame } from "@/api/types";
import { useSource } from "@/store/source";
import { Course } from "./Course";
import { Facts } from "./Facts";
import { Servers } from "./Servers";
import { Shares } from "./Shares";
import { type Beliefs, serverRows } from "./servers";

const HOUR = 3600;

/**
 * One route at the moment that the source shows, live or replayed. `truth` and `beliefs` are not in
 * frames: whoever knows them hands them over. Children are further panels beside the charts.
 */
export function RouteView(props: {
  route: RouteFrame;
  truth: readonly number[] | null;
  beliefs?: Beliefs | undefined;
  children?: ReactNode;
}) {
  const { route, truth, beliefs } = props;
  const view = useSource((all) => all);
  const [pointed, point] = useState<string | null>(null);
  const now = view.frame?.time ?? 0;
  const rows = useMemo(() => serverRows(route, now, truth, beliefs), [route, now, truth, beliefs]);
  const series = view.series.get(route.route);
  const start = series?.time[0] ?? now;
  const clock = now - start > HOUR;
  const origin = clock ? 0 : start;
  const marks = view.restarts.map((time) => ({ x: time - origin, name: "restarted" }));
  const shared = { series, origin, clock };
  return (
    <>
      <Facts route={route} />
      <div className="mb-4">
        <Servers rows={rows} highlight={pointed} onHighlight={point} />
      </div>
      <div className="mb-4 grid gap-4 md:grid-cols-[repeat(auto-fit,minmax(360px,1fr))]">
        <Shares rows={rows} highlight={pointed} onHighlight={point} {...shared} />
        <Course route={route} marks={marks} {...shared} />
        {props.children}
      </div>
    </>
  );
}
