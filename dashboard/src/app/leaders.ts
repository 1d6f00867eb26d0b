/**
 * Who leads a race: sums over its scenarios of what each row says. Strategies are only ranked where
 * they have had equally many requests, more or less, as scores grow with them.
 */
import type { RouteFrame } from "@/api/types";
import { keyOf } from "./naming";

export interface Standing {
  key: string;
  strategy: string;
  requests: number;
  score: number;
  /** Null where a bound is not known. */
  regret: number | null;
  /** Of all its scenarios the longest, as percentiles of parts cannot be put together. */
  p99: number | null;
}

const BEHIND = 0.02; // of the requests of the others: those in between two frames
const HALF = 0.5; // while a race goes on, some hold requests longer than others

/** The best first. */
export function standings(routes: readonly RouteFrame[]): Standing[] {
  const all = new Map<string, Standing>();
  for (const row of routes) {
    const key = keyOf(row, routes);
    const known = all.get(key);
    const { strategy, requests, score, regret } = row;
    const p99 = row.latency_ms.p99;
    all.set(
      key,
      known === undefined
        ? { key, strategy, requests, score, regret, p99 }
        : {
            ...known,
            requests: known.requests + requests,
            score: known.score + score,
            regret: known.regret === null || regret === null ? null : known.regret + regret,
            p99: known.p99 === null || p99 === null ? null : Math.max(known.p99, p99),
          },
    );
  }
  return [...all.values()].sort(better);
}

function better(a: Standing, b: Standing): number {
  const regrets = a.regret === null || b.regret === null ? null : a.regret - b.regret;
  return regrets || b.score - a.score || (a.key < b.key ? -1 : 1);
}

/**
 * May they be ranked? By scores only after equally many requests; while a race goes on, by how far
 * each is behind its own bound, which is that of its own requests.
 */
export function comparable(all: readonly Standing[], running: boolean): boolean {
  const counts = all.map(({ requests }) => requests);
  const [least, most] = [Math.min(...counts), Math.max(...counts)];
  if (all.length < 2) return false;
  if (most - least <= Math.max(2, BEHIND * most)) return true;
  return running && least >= HALF * most && all.every(({ regret }) => regret !== null);
}

/** In one sentence: who leads, by how much, and what that costs in time. */
export function verdict(all: readonly Standing[], digits: (value: number) => string): string {
  const [first, second] = all.filter(({ strategy }) => strategy !== "oracle");
  if (first === undefined || second === undefined) return "";
  const ahead = gap(first, second);
  const by =
    ahead < 1
      ? `${first.key} and ${second.key} are level`
      : `${first.key} leads ${second.key} by ${digits(ahead)} points`;
  return `${by}${price(first, all, digits)}.`;
}

/** Of one run each nothing is known of chance: a lead is told from none by its size only. */
export const gap = (first: Standing, second: Standing): number =>
  first.regret === null || second.regret === null
    ? first.score - second.score
    : second.regret - first.regret;

function price(
  first: Standing,
  all: readonly Standing[],
  digits: (value: number) => string,
): string {
  const known = all.filter(({ p99 }) => p99 !== null);
  const quickest = known.toSorted((a, b) => a.p99! - b.p99!)[0];
  if (first.p99 === null || quickest === undefined) return "";
  if (quickest.key === first.key) return `, and is the quickest (p99 ${digits(first.p99)} ms)`;
  return `, at a p99 of ${digits(first.p99)} ms (${quickest.key}: ${digits(quickest.p99!)} ms)`;
}
