"use client";

import { useMemo } from "react";
import { get } from "@/api/client";
import type { RouteFrame } from "@/api/types";
import { useApi } from "@/api/useApi";
import { type Known, UNKNOWN } from "@/route/known";

/** What is known of each scenario's fleet, by the name of the scenario: all its routes have alike ones. */
export function useFaults(routes: readonly RouteFrame[]): ReadonlyMap<string | null, Known> {
  const ones = useMemo(() => firsts(routes), [routes]);
  // Times count from the first request: asked again once there was one.
  const begun = routes.some(({ requests }) => requests > 0);
  const found = useApi(
    async (signal) => {
      const all = ones.map(([scenario, route]) =>
        get("/api/routes/{route}", { route }, signal).then(
          (known) => [scenario, known] as [string, Known],
          () => [scenario, UNKNOWN] as [string, Known],
        ),
      );
      return new Map<string | null, Known>(await Promise.all(all));
    },
    [ones, begun],
  );
  return found.data ?? NONE;
}

const NONE: ReadonlyMap<string | null, Known> = new Map();

/** One route for each scenario; without a scenario nothing is known. */
function firsts(routes: readonly RouteFrame[]): [string, string][] {
  const all = new Map<string, string>();
  for (const { scenario, route } of routes) {
    if (scenario !== null && !all.has(scenario)) all.set(scenario, route);
  }
  return [...all];
}
