/**
 * How attempts on each server ended of late: counts of the last minutes, from frames as they come,
 * so that a page can say what goes on now and not only what was ever counted.
 */
import type { Frame, RouteFrame } from "@/api/types";

export const MINUTES = 120; // seconds that are kept
const APART = 1; // seconds between what is kept

export interface Counts {
  time: number;
  succeeded: number;
  failed: number;
  refused: number;
}

const ZERO = { succeeded: 0, failed: 0, refused: 0 };

export class Trails {
  private readonly all = new Map<string, Counts[]>();

  /** Frames in their order; an older one than the last is ignored. */
  take(frame: Frame): void {
    for (const route of frame.routes) this.add(route, frame.time);
  }

  private add(route: RouteFrame, time: number): void {
    const { server, succeeded, failed, rate_limited } = route.servers;
    server.forEach((name, at) => {
      const trail = this.of(route.route, name);
      const last = trail.at(-1);
      if (last !== undefined && time < last.time) return;
      const counts = {
        time,
        succeeded: succeeded[at]!,
        failed: failed[at]!,
        refused: rate_limited[at]!,
      };
      if (last !== undefined && counts.succeeded < last.succeeded) trail.length = 0; // began anew
      const before = trail.at(-2);
      if (before !== undefined && last !== undefined && last.time - before.time < APART)
        trail.pop();
      trail.push(counts);
      while (trail.length > 2 && trail[1]!.time < time - MINUTES) trail.shift();
    });
  }

  private of(route: string, server: string): Counts[] {
    const key = `${route}\n${server}`;
    let trail = this.all.get(key);
    if (trail === undefined) {
      trail = [];
      this.all.set(key, trail);
    }
    return trail;
  }

  /** What ended within so many seconds before `now`. */
  recent(route: string, server: string, now: number, window: number): Omit<Counts, "time"> {
    const trail = this.of(route, server);
    return difference(trail.at(-1), before(trail, now - window));
  }

  /** Shares of successes in equal parts of the last minutes, the newest last; null for none. */
  shares(route: string, server: string, now: number, parts: number): (number | null)[] {
    const trail = this.of(route, server);
    const width = MINUTES / parts;
    return Array.from({ length: parts }, (_, part) => {
      const end = now - (parts - 1 - part) * width;
      const { succeeded, failed } = difference(before(trail, end), before(trail, end - width));
      return succeeded + failed === 0 ? null : succeeded / (succeeded + failed);
    });
  }

  /** When the first frame of a server came: what was before is not known in detail. */
  began(route: string, server: string): number {
    return this.of(route, server)[0]?.time ?? Number.POSITIVE_INFINITY;
  }

  /** Did an attempt succeed after this moment? */
  succeededSince(route: string, server: string, moment: number): boolean {
    const trail = this.of(route, server);
    return difference(trail.at(-1), before(trail, moment)).succeeded > 0;
  }
}

/** The last counts at or before a moment; of what came later only, the first. */
function before(trail: readonly Counts[], moment: number): Counts | undefined {
  return trail.findLast(({ time }) => time <= moment) ?? trail[0];
}

function difference(last: Counts | undefined, first: Counts | undefined) {
  if (last === undefined || first === undefined) return ZERO;
  return {
    succeeded: last.succeeded - first.succeeded,
    failed: last.failed - first.failed,
    refused: last.refused - first.refused,
  };
}
