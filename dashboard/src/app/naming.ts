import type { RouteFrame } from "@/api/types";

/**
 * What tells a route from the others. In a race that is its strategy; routes of a balancer in
 * production may share one, and go by their own names.
 */
export function ownName(row: RouteFrame, routes: readonly RouteFrame[]): string | null {
  const others = routes.filter((each) => each.route !== row.route);
  if (others.length === 0) return null;
  const alike = ({ strategy, scenario }: RouteFrame) =>
    strategy === row.strategy && scenario === row.scenario;
  return row.scenario === null || others.some(alike) ? row.route : null;
}

/** What charts and rows call it when one of them is pointed at. */
export const keyOf = (row: RouteFrame, routes: readonly RouteFrame[]): string =>
  ownName(row, routes) ?? row.strategy;
