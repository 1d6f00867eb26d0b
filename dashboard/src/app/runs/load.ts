/** Everything that a replay needs, from the records. */
import { get } from "@/api/client";
import type { Frame, RunRow } from "@/api/types";
import type { Known } from "@/route/known";
import { ReplayStore } from "@/store/replay";

const MOST = 12_000; // frames in memory, of all runs together: 12 MB or so
const LEAST = 200; // of each run

export interface Loaded {
  store: ReplayStore;
  runs: readonly RunRow[];
  /** By scenario, what is known of its fleet. */
  known: ReadonlyMap<string | null, Known>;
}

/** A run by its number, or a session by its name; frames of long runs are thinned out. */
export async function load(target: string, signal: AbortSignal): Promise<Loaded> {
  return isRun(target) ? loadRun(target, signal) : loadSession(target, signal);
}

export const isRun = (target: string) => /^\d+$/.test(target);

async function loadRun(run: string, signal: AbortSignal): Promise<Loaded> {
  const [found, frames] = await Promise.all([
    get("/api/runs/{run}", { run }, signal),
    get("/api/runs/{run}/overview", { run, most: 2000 }, signal),
  ]);
  const known = new Map([[found.scenario, found]]);
  return { store: new ReplayStore(played(frames, [found])), runs: [found], known };
}

async function loadSession(session: string, signal: AbortSignal): Promise<Loaded> {
  const { runs } = await get("/api/sessions/{session}", { session }, signal);
  const most = Math.min(2000, Math.max(LEAST, Math.floor(MOST / Math.max(1, runs.length))));
  const frames = await get("/api/sessions/{session}/overview", { session, most }, signal);
  const known = new Map(await Promise.all(firsts(runs).map((run) => knownOf(run, signal))));
  return { store: new ReplayStore(played(frames, runs)), runs, known };
}

/** One run of each scenario: they play on copies of one fleet. */
function firsts(runs: readonly RunRow[]): RunRow[] {
  return [...new Map(runs.toReversed().map((run) => [run.scenario, run])).values()];
}

async function knownOf(
  { run, scenario }: RunRow,
  signal: AbortSignal,
): Promise<[string | null, Known]> {
  return [scenario, await get("/api/runs/{run}", { run }, signal)];
}

/**
 * The frames until each run was over, and the first one from then on, which has the last numbers: a
 * harness that stays up goes on recording how the shares of the last seconds fade.
 */
export function played(
  frames: readonly Frame[],
  runs: readonly Pick<RunRow, "route" | "ended">[],
): Frame[] {
  const ends = new Map(runs.map(({ route, ended }) => [route, ended]));
  const over = new Set<string>();
  return frames.filter(({ time, routes }) => {
    const going = routes.filter(({ route }) => !over.has(route));
    for (const { route } of going) {
      if (time >= (ends.get(route) ?? Number.POSITIVE_INFINITY)) over.add(route);
    }
    return going.length > 0;
  });
}
