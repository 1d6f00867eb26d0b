import type { SessionDetail } from "@/api/types";
import { moment } from "@/lib/format";

export const KINDS = { harness: "Race", compare: "Simulation", serve: "Balancer" };

/** Where numbers are from, for pictures of them: session, seed and when it began. */
export function originOf(
  from: Pick<SessionDetail, "session" | "seed" | "started"> | undefined,
): string {
  if (from === undefined) return "";
  const seed = from.seed === null ? [] : [`seed ${from.seed}`];
  return [from.session, ...seed, moment(from.started, 0)].join(" · ");
}

/** A session by its name, or by what it was and when. */
export function title({ name, kind, started }: Pick<SessionDetail, "name" | "kind" | "started">) {
  return name ?? `${KINDS[kind]}, ${moment(started)}`;
}
