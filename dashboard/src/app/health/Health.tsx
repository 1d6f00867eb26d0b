"use client";

import clsx from "clsx";
import Link from "next/link";
import { useEffect, useMemo, useRef, useState } from "react";
import { act, get } from "@/api/client";
import type { RouteFrame } from "@/api/types";
import { ZoomChoice, ZoomGroup } from "@/charts/zoom";
import { Confirm } from "@/components/Confirm";
import * as format from "@/lib/format";
import type { View } from "@/store/source";
import { MINUTES, Trails } from "@/store/trails";
import { SplitPanel, useSplits } from "../split/SplitPanel";
import { RouteHealth } from "./RouteHealth";
import { serversHealth, type Tone, verdict } from "./verdict";

const RECORDED = 300; // frames of each route that are asked for, from before the page was opened

const LOOKS: Record<Tone, string> = {
  bad: "border-bad/50 bg-bad-soft",
  warn: "border-warn/50 bg-warn-soft",
  good: "border-good/40 bg-good-soft",
  quiet: "border-line bg-surface",
};

/** Home of `flb serve`: is all well, and if not, what is wrong and since when. */
export function Health({ view, routes }: { view: View; routes: readonly RouteFrame[] }) {
  const now = useNow(view.frame?.time ?? 0);
  const trails = useTrails(view);
  const all = useMemo(
    () => routes.map((route) => ({ route, servers: serversHealth(route, trails, now) })),
    [routes, trails, now],
  );
  const splits = useSplits(routes, view.connected?.boot ?? "", now);
  const { tone, text } = verdict(all);
  return (
    <ZoomGroup>
      <section
        aria-label="Health"
        className={clsx(
          "mb-4 flex flex-wrap items-center gap-x-4 gap-y-2 rounded-xl border px-4 py-3",
          LOOKS[tone],
        )}
      >
        <p role="status" className="mr-auto font-medium text-lg">
          {text}
        </p>
        <Confirm
          name="Reload"
          question="Read the config file again?"
          onYes={() => act("/api/reload")}
        />
      </section>
      <div className="mb-3 flex flex-wrap items-center gap-x-4 gap-y-2">
        <p className="mr-auto text-ink-2">
          {format.count(routes.length, "route")} ·{" "}
          <Link href="/?view=race" className="underline underline-offset-2">
            scores of the strategies
          </Link>
        </p>
        <ZoomChoice />
      </div>
      {splits.map((split) => (
        <SplitPanel key={split.route} split={split} />
      ))}
      {all.map(({ route, servers }) => (
        <RouteHealth key={route.route} route={route} servers={servers} view={view} now={now} />
      ))}
    </ZoomGroup>
  );
}

/** The balancer's clock, in whole seconds: goes on while no frame comes, as then nothing changes. */
function useNow(time: number): number {
  const heard = useRef({ time: 0, at: 0 });
  const [, tick] = useState(0);
  if (heard.current.time !== time) heard.current = { time, at: Date.now() };
  useEffect(() => {
    const timer = setInterval(() => tick((count) => count + 1), 1000);
    return () => clearInterval(timer);
  }, []);
  return time + Math.floor((Date.now() - heard.current.at) / 1000);
}

/** How attempts ended of late: from the records what was before this page, then from each frame. */
function useTrails(view: View): Trails {
  const [trails, setTrails] = useState(() => new Trails());
  const boot = view.connected?.boot;
  const started = useRef(view.frame?.time ?? 0);
  // biome-ignore lint/correctness/useExhaustiveDependencies: once for each process
  useEffect(() => {
    let dropped = false;
    const runs = Object.values(view.connected?.runs ?? {}).filter((run) => run !== null);
    const after = started.current - MINUTES;
    const asked = runs.map((run) =>
      get("/api/runs/{run}/frames", { run, after, limit: RECORDED }).catch(() => []),
    );
    Promise.all(asked).then((found) => {
      if (dropped) return;
      const full = new Trails();
      for (const frame of found.flat()) full.take(frame);
      setTrails(full);
    });
    return () => {
      dropped = true;
    };
  }, [boot]);
  useMemo(() => view.frame && trails.take(view.frame), [trails, view.frame]);
  return trails;
}
