/** Everything that a replay needs, from the records. */
import { get } from "@/api/client";
import type { RunRow } from "@/api/types";
import { ReplayStore } from "@/store/replay";

const MOST = 12_000; // frames in memory, of all runs together: 12 MB or so
const LEAST = 200; // of each run

export interface Loaded {
  store: ReplayStore;
  runs: readonly RunRow[];
  /** The true rates of the servers of a single run, where they are known. */
  truth: readonly number[] | null;
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
  return { store: new ReplayStore(frames), runs: [found], truth: found.truth };
}

async function loadSession(session: string, signal: AbortSignal): Promise<Loaded> {
  const { runs } = await get("/api/sessions/{session}", { session }, signal);
  const most = Math.min(2000, Math.max(LEAST, Math.floor(MOST / Math.max(1, runs.length))));
  const frames = await get("/api/sessions/{session}/overview", { session, most }, signal);
  return { store: new ReplayStore(frames), runs, truth: null };
}
