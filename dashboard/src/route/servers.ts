/** A frame has a column for each number, a table wants a row for each server. */
import type { RouteDetail, RouteFrame } from "@/api/types";
import * as format from "@/lib/format";
import type { Look } from "@/theme/strategies";
import { type Known, truthAt, UNKNOWN } from "./known";

export type Beliefs = RouteDetail["beliefs"];

export interface ServerRow {
  /** Its place in the pool, and in every column. */
  place: number;
  server: string;
  /** Short, as far as that tells it from the others. */
  name: string;
  /** A CSS variable: the colour of this server in all parts of the page. */
  hue: string;
  attempts: number;
  succeeded: number;
  failed: number;
  refused: number;
  cancelled: number;
  mean: number | null;
  low: number | null;
  high: number | null;
  truth: number | null;
  share: number;
  /** Seconds until a cooldown, block or ejection ends; 0 where there is none. */
  rests: number;
  beliefs: Record<string, number | null>;
}

const SHADES = 10;
const SHOWN_ANYWAY = new Set(["mean", "low", "high", "until", "capacity_low", "capacity_high"]);

export function serverRows(
  route: RouteFrame,
  now: number,
  known: Known = UNKNOWN,
  beliefs: Beliefs = {},
): ServerRow[] {
  const { servers } = route;
  const hues = shades(servers.server.length, known.truth);
  const truth = truthAt(known, now);
  return servers.server.map((server, place) => ({
    place,
    server,
    name: format.server(server, servers.server),
    hue: hues[place]!,
    attempts: servers.attempts[place]!,
    succeeded: servers.succeeded[place]!,
    failed: servers.failed[place]!,
    refused: servers.rate_limited[place]!,
    cancelled: servers.cancelled?.[place] ?? 0,
    mean: servers.mean[place] ?? null,
    low: servers.low[place] ?? null,
    high: servers.high[place] ?? null,
    truth: truth?.[place] ?? null,
    share: servers.share[place]!,
    rests: Math.max(0, (servers.until?.[place] ?? 0) - now),
    beliefs: Object.fromEntries(further(beliefs).map((key) => [key, beliefs[key]![place] ?? null])),
  }));
}

/** What this strategy believes besides what every frame has. */
export function further(beliefs: Beliefs): string[] {
  return Object.keys(beliefs).filter((key) => !SHOWN_ANYWAY.has(key));
}

/** A shade for each server: the better it truly is, the stronger; else in the order of the pool. */
export function shades(many: number, truth: readonly number[] | null): string[] {
  const places = Array.from({ length: many }, (_, place) => place);
  const ranked = truth === null ? places : places.toSorted((a, b) => truth[a]! - truth[b]!);
  const step = many > 1 ? (SHADES - 1) / (many - 1) : 0;
  return places.map((place) => `--band-${Math.round(ranked.indexOf(place) * step)}`);
}

export const lookOf = (row: ServerRow): Look => ({ hue: row.hue, dash: [] });
