/** What is known of a fleet of the lab: the truth about its servers, which faults change for a while. */

import type { RouteDetail } from "@/api/types";
import type { Stretch } from "@/charts/types";
import { count, server } from "@/lib/format";

export type Known = Pick<RouteDetail, "truth" | "pieces" | "faults">;

export const UNKNOWN: Known = { truth: null, pieces: null, faults: [] };

/** The true chances of success at a moment, seconds since the epoch. */
export function truthAt({ truth, pieces }: Known, now: number): readonly number[] | null {
  const at = pieces?.from.findLastIndex((from) => from <= now) ?? -1;
  return pieces?.success[at] ?? truth;
}

/** Faults as bands of a chart whose x are seconds since `origin`; those that go on end with it. */
export function bandsOf(
  { faults }: Known,
  servers: readonly string[],
  origin: number,
  now: number,
): Stretch[] {
  return faults
    .filter(({ from }) => from <= now)
    .map(({ from, to, kind, servers: places }) => ({
      from: from - origin,
      to: Math.min(to ?? now, now) - origin,
      name: `${named(places, servers).join(" ")} ${kind}`,
    }));
}

/** In words, what is the matter now; empty where nothing is. */
export function troubles({ faults }: Known, servers: readonly string[], now: number): string[] {
  return faults
    .filter(({ from, to }) => from <= now && (to === null || now < to))
    .map(({ kind, servers: places }) => `${named(places, servers).join(", ")}: ${kind}`);
}

/** Servers by name; where they have others in each copy of a fleet, by how many they are. */
function named(places: readonly number[], servers: readonly string[]): string[] {
  if (servers.length === 0) return [count(places.length, "server")];
  return places.map((at) => server(servers[at] ?? `server ${at + 1}`, servers));
}
