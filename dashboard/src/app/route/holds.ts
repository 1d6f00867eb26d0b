/** Held requests: each waits for a server that it was promised, or for any, until a moment. */
import type { Decision } from "@/api/types";
import type { Deliberation } from "@/store/decisions";

export interface Hold {
  cursor: number;
  request: number;
  /** Seconds since the epoch: when it was held, and until when it was to be. */
  since: number;
  until: number;
  /** What was decided when it woke; null while it waits. */
  next: Decision | null;
}

/** The newest of them, in the order in which they were to wake. */
export function holdsOf(requests: readonly Deliberation[], most: number): Hold[] {
  const all = requests.flatMap(({ decisions }) =>
    decisions.flatMap((decision, at) =>
      decision.move !== "hold" || decision.until === null
        ? []
        : [
            {
              cursor: decision.cursor,
              request: decision.request,
              since: decision.time,
              until: decision.until,
              next: decisions[at + 1] ?? null,
            },
          ],
    ),
  );
  const newest = all.toSorted((a, b) => b.cursor - a.cursor).slice(0, most);
  return newest.toSorted((a, b) => a.until - b.until);
}

/** How many of them wait at a moment. */
export const waiting = (holds: readonly Hold[], now: number): number =>
  holds.filter(({ next, until }) => next === null && until > now).length;
