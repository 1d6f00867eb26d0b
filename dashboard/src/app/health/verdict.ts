/** What is wrong with servers, worst first, and in one sentence. */
import type { RouteFrame } from "@/api/types";
import * as format from "@/lib/format";
import type { Trails } from "@/store/trails";

export type Tone = "bad" | "warn" | "good" | "quiet";

export interface ServerHealth {
  server: string;
  name: string;
  place: number;
  state: string;
  tone: Tone;
  /** How bad it is: what is sorted by. */
  trouble: number;
  /** In words, with how long where that is known. */
  says: string;
  reason: string | null;
  reasonTime: number;
  share: number;
  attempts: number;
  /** Of the last minute. */
  recent: { succeeded: number; failed: number; refused: number };
  /** Shares of successes in the last two minutes. */
  course: (number | null)[];
}

const MINUTE = 60;
const PARTS = 20; // of a sparkline
const HALF = 0.5;
const SEVERAL = 3; // failures
const LATELY = [10, MINUTE]; // seconds
const ENOUGH = 5; // attempts for each server: by chance, one of 150 would get none
const ANSWERED = new Set(["status", "ours"]);

const REASONS: Record<string, string> = {
  refused: "connection refused",
  reset: "connection broken off",
  timeout: "no answer in time",
  name: "its name is not found",
  certificate: "its certificate is not accepted",
  status: "answered with an error",
  unreachable: "not reachable",
  closed: "connection closed too early",
  tls: "TLS fails",
  "not HTTP": "what it answered is no HTTP",
  garbage: "what it answered is no HTTP",
  check: "its health check fails",
};

export const reasonText = (reason: string): string =>
  REASONS[reason] ?? reason.replaceAll("-", " ");

const STATES: Record<string, { trouble: number; tone: Tone; says: string }> = {
  down: { trouble: 6, tone: "bad", says: "down by its check" },
  failing: { trouble: 5, tone: "bad", says: "failing" },
  ejected: { trouble: 4, tone: "bad", says: "left alone after failures" },
  full: { trouble: 3, tone: "warn", says: "full" },
  cooling: { trouble: 2, tone: "warn", says: "cooling down" },

  draining: { trouble: 1, tone: "quiet", says: "drained" },
  avoided: { trouble: 0.5, tone: "quiet", says: "avoided" },
  up: { trouble: 0, tone: "good", says: "up" },
};

/** The servers of a route, those in trouble first, then the busiest. */
export function serversHealth(route: RouteFrame, trails: Trails, now: number): ServerHealth[] {
  const { servers } = route;
  return servers.server
    .map((server, place) => {
      const recent = trails.recent(route.route, server, now, MINUTE);
      const reason = servers.reason?.[place] ?? null;
      const reasonTime = servers.reason_time?.[place] ?? 0;
      const said = servers.state?.[place] ?? "up";
      // Of what failed before the page was opened, only the sums are known.
      const before = reasonTime > now - MINUTE && reasonTime <= trails.began(route.route, server);
      const known = before
        ? { succeeded: servers.succeeded[place]!, failed: servers.failed[place]! }
        : recent;
      const failing =
        said === "up" && fails(route.route, server, known, reason, reasonTime, trails, now);
      const unused = said === "up" && reason !== null && servers.share[place] === 0;
      const avoided = unused && isAvoided(route, server, trails, now);
      const state = failing ? "failing" : avoided ? "avoided" : said;
      const { trouble, tone, says } = STATES[state] ?? STATES.up!;
      const rest = (servers.until?.[place] ?? 0) - now;
      return {
        server,
        name: format.server(server, servers.server),
        place,
        state,
        tone,
        trouble,
        says: rest > 0 ? `${says}, ${format.span(Math.ceil(10 * rest) / 10)} more` : says,
        reason,
        reasonTime,
        share: servers.share[place]!,
        attempts: servers.attempts[place]!,
        recent,
        course: trails.shares(route.route, server, now, PARTS),
      };
    })
    .sort((a, b) => b.trouble - a.trouble || b.share - a.share || a.place - b.place);
}

/**
 * Most of what it is sent fails; or it could not even be reached when it was tried last. A single
 * failed answer is no trouble: retries are there for those.
 */
function fails(
  route: string,
  server: string,
  { succeeded, failed }: Pick<ServerHealth["recent"], "succeeded" | "failed">,
  reason: string | null,
  reasonTime: number,
  trails: Trails,
  now: number,
): boolean {
  if (failed >= SEVERAL && failed / (succeeded + failed) > HALF) return true;
  if (reason === null || ANSWERED.has(reason)) return false;
  return reasonTime > now - 10 * MINUTE && !trails.succeededSince(route, server, reasonTime);
}

/** None of so many attempts of late went to it that chance alone would have sent it some. */
function isAvoided(route: RouteFrame, server: string, trails: Trails, now: number): boolean {
  const all = route.servers.server;
  return LATELY.some((window) => {
    const attempts = (each: string) => {
      const { succeeded, failed, refused } = trails.recent(route.route, each, now, window);
      return succeeded + failed + refused;
    };
    const whole = all.reduce((sum, each) => sum + attempts(each), 0);
    return attempts(server) === 0 && whole >= ENOUGH * all.length;
  });
}

export interface Verdict {
  tone: Tone;
  text: string;
}

/** One sentence for all routes: what is wrong, or that nothing is. */
export function verdict(
  routes: readonly { route: RouteFrame; servers: ServerHealth[] }[],
): Verdict {
  const all = routes.flatMap(({ route, servers }) => servers.map((each) => ({ route, ...each })));
  const bad = all.filter(({ tone }) => tone === "bad");
  const many = routes.reduce(
    (sum, { route, servers }) => sum + servers.length + (route.others?.servers ?? 0),
    0,
  );
  if (bad.length > 0) {
    const first = bad.toSorted((a, b) => b.trouble - a.trouble)[0]!;
    const others = bad.length > 1 ? `, and ${format.count(bad.length - 1, "other")}` : "";
    return {
      tone: "bad",
      text: `${format.number(bad.length)} of ${format.count(many, "server")} in trouble: ${words(first)}${others}.`,
    };
  }
  const warn = all.filter(({ tone }) => tone === "warn");
  if (warn.length > 0) {
    return {
      tone: "warn",
      text: `Nothing fails; ${format.number(warn.length)} of ${format.count(many, "server")} ${warn.length === 1 ? "is" : "are"} at a limit.`,
    };
  }
  const drained = all.filter(({ state }) => state === "draining").length;
  const avoided = all.filter(({ state }) => state === "avoided");
  const up = format.count(many - drained - avoided.length, "server");
  const rest = drained > 0 ? ` ${format.count(drained, "server")} drained.` : "";
  if (avoided.length > 0) {
    const others = avoided.length > 1 ? `, and ${format.count(avoided.length - 1, "other")}` : "";
    const text = `Nothing fails now: ${up} up.${rest} Avoided since it failed: ${words(avoided[0]!)}${others}.`;
    return { tone: "good", text };
  }
  return { tone: "good", text: `Nothing is wrong: ${up} up.${rest}` };
}

function words({ name, says, reason, reasonTime }: ServerHealth): string {
  const why = reason === null ? says : reasonText(reason);
  return `${name}: ${why}${reasonTime > 0 ? `, last at ${format.moment(reasonTime)}` : ""}`;
}
