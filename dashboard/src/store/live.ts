/**
 * The live stream, outside React: one connection for all pages. It comes back by itself after a
 * loss, from the event it saw last, and asks for what it missed in between.
 */
import { get, Refused } from "@/api/client";
import type { Connected, Frame, Histories, SharesHistory } from "@/api/types";
import { CAPACITY, Series, sampleOf } from "./series";
import { NOTHING, type Source, type View } from "./source";
import { readEvents, type StreamEvent } from "./sse";

export const SILENCE = 25_000; // milliseconds; the balancer says something every ten seconds
export const RETRIES = [500, 1000, 2000, 4000]; // milliseconds; the last one again and again
export const REFILL = 2000; // milliseconds until what is missing is asked for again
const MISSED = 10_000; // frames of a run that are asked for at most: more than an hour, as much as charts show
const MARGIN = 0.001; // seconds between a hole and the sample behind it

/** What the store needs of the world, so that tests can give it another one. */
export interface World {
  read: typeof readEvents;
  history: (after: number) => Promise<Histories>;
  shares: (route: string) => Promise<SharesHistory>;
  recorded: (run: number, after: number) => Promise<Frame[]>;
}

const patience = () => AbortSignal.timeout(SILENCE);

const WORLD: World = {
  read: readEvents,
  history: (after) => get("/api/history", { after }, patience()),
  shares: (route) => get("/api/routes/{route}/history", { route }, patience()),
  recorded: (run, after) =>
    get("/api/runs/{run}/frames", { run, after, limit: MISSED }, patience()),
};

export class LiveStore implements Source {
  private current: View = NOTHING;
  private readonly listeners = new Set<() => void>();
  private series = new Map<string, Series>();
  private lastId: string | null = null;
  private attempt = 0;
  private running: AbortController | null = null;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private silence: ReturnType<typeof setTimeout> | undefined;
  private scheduled = false;
  /** What is still to be asked for; one after the other. */
  private readonly gaps: (() => Promise<void>)[] = [];
  private filling = false;
  private refill: ReturnType<typeof setTimeout> | undefined;
  /** The moment behind which this process was asked for its past and has not answered yet. */
  private unknown = Number.POSITIVE_INFINITY;

  constructor(private readonly world: World = WORLD) {}

  view = (): View => this.current;

  /** The stream runs while somebody watches. */
  subscribe = (changed: () => void): (() => void) => {
    this.listeners.add(changed);
    if (this.idle) this.connect();
    return () => {
      this.listeners.delete(changed);
      // Pages change within a moment: only stop if nobody came instead.
      setTimeout(() => this.listeners.size === 0 && this.stop());
    };
  };

  /** Try now, not when it is time. */
  retry = (): void => {
    if (this.current.phase !== "live") this.connect();
  };

  /** Ask which servers a route chose before now: too much to be asked of all routes. */
  recallShares = (route: string): void => {
    const known = this.series.get(route);
    if (known !== undefined) known.keepsShares = true;
    this.fill(async () => {
      const history = await this.world.shares(route);
      const series = this.of(route);
      series.keepsShares = true;
      series.merge(history);
      this.change({});
    });
  };

  private get idle(): boolean {
    return this.running === null && this.timer === undefined;
  }

  private connect(): void {
    this.stop();
    const running = new AbortController();
    this.running = running;
    this.listen();
    this.world
      .read("/api/events", {
        lastId: this.lastId,
        signal: running.signal,
        heard: () => this.listen(),
        event: (event) => this.running === running && this.hear(event),
      })
      .catch(() => undefined)
      .then(() => this.running === running && this.lose());
  }

  private stop(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    clearTimeout(this.silence);
    clearTimeout(this.refill);
    this.running?.abort();
    this.running = null;
  }

  private listen(): void {
    clearTimeout(this.silence);
    this.silence = setTimeout(() => this.lose(), SILENCE);
  }

  private lose(): void {
    this.stop();
    if (this.listeners.size === 0) return;
    const wait = RETRIES[Math.min(this.attempt, RETRIES.length - 1)]!;
    this.attempt++;
    const now = Date.now();
    this.change({ phase: "lost", lostAt: this.current.lostAt ?? now, retryAt: now + wait });
    this.timer = setTimeout(() => this.connect(), wait);
  }

  private hear(event: StreamEvent): void {
    if (event.kind === "connected") this.meet(JSON.parse(event.data) as Connected);
    else if (event.kind === "metrics") this.take(event.id, JSON.parse(event.data) as Frame);
    if (event.id) this.lastId = event.id;
  }

  private meet(connected: Connected): void {
    const before = this.current.connected;
    this.attempt = 0;
    this.change({ phase: "live", lostAt: null, retryAt: null, connected });
    if (before === null) this.fill(() => this.fromHistory(connected.boot));
    else if (before.boot !== connected.boot) this.meetAnother(before, connected);
    else void this.fillAll();
  }

  private meetAnother(before: Connected, connected: Connected): void {
    const goesOn = before.kind === "serve" && connected.kind === "serve";
    if (!goesOn) {
      this.series = new Map();
      this.change({ frame: null, restarts: [] });
    }
    const { unknown } = this;
    const ends = new Map(
      [...this.series].map(([route, series]) => [route, Math.min(series.last, unknown)]),
    );
    this.fill(async () => {
      if (goesOn) await this.fromRecords(before, ends);
      await this.fromHistory(connected.boot, goesOn);
    });
  }

  private take(id: string, frame: Frame): void {
    const [boot, number] = parts(id);
    const [lastBoot, lastNumber] = parts(this.lastId);
    const known = this.current.frame;
    if (boot === lastBoot && known !== null && number > lastNumber + 1) {
      this.fill(() => this.fromHistory(boot, false, known.time));
    }
    for (const route of frame.routes) {
      this.of(route.route).add(frame.time, sampleOf(route));
    }
    const late = known !== null && frame.time <= known.time;
    this.change(late ? {} : { frame });
  }

  /** What the last process recorded after we lost it; a hole marks where it ended. */
  private async fromRecords(before: Connected, ends: Map<string, number>): Promise<void> {
    for (const [route, run] of Object.entries(before.runs)) {
      const series = this.series.get(route);
      const after = ends.get(route);
      if (run === null || series === undefined || after === undefined) continue;
      const frames = await this.world.recorded(run, after).catch(noneIfGone);
      let end = after;
      for (const frame of frames) {
        const same = frame.routes.find((each) => each.route === route);
        if (same === undefined) continue;
        series.add(frame.time, sampleOf(same));
        end = frame.time;
      }
      if (Number.isFinite(end)) series.interrupt(end + MARGIN);
    }
  }

  /** What this process remembers. */
  private async fromHistory(boot: string, restarted = false, after = 0): Promise<void> {
    this.unknown = Math.min(this.unknown, after);
    const history = await this.world.history(after);
    this.unknown = Number.POSITIVE_INFINITY;
    if (history.boot !== boot) return; // it is gone already; the next one tells more
    for (const route of history.routes) this.of(route.route).merge(route);
    if (!restarted) return this.change({});
    const begins = history.routes.flatMap((route) => route.time.slice(0, 1));
    if (begins.length > 0) {
      this.change({ restarts: [...this.current.restarts, Math.min(...begins)] });
    }
  }

  private fill(gap: () => Promise<void>): void {
    this.gaps.push(gap);
    void this.fillAll();
  }

  /** The oldest first. One that fails stays, is told, and is tried again. */
  private async fillAll(): Promise<void> {
    if (this.filling) return;
    this.filling = true;
    clearTimeout(this.refill);
    try {
      for (let gap = this.gaps[0]; gap !== undefined; gap = this.gaps[0]) {
        await gap().catch(noneIfGone);
        this.gaps.shift();
      }
      if (this.current.missing) this.change({ missing: false });
    } catch {
      this.change({ missing: true });
      if (this.listeners.size > 0) this.refill = setTimeout(() => this.fillAll(), REFILL);
    }
    this.filling = false;
  }

  private of(route: string): Series {
    let series = this.series.get(route);
    if (series === undefined) {
      series = new Series(CAPACITY, false);
      this.series.set(route, series);
    }
    return series;
  }

  /** Listeners are told once for everything that changed within a task. */
  private change(changes: Partial<View>): void {
    const version = this.current.version + 1;
    this.current = { ...this.current, ...changes, series: this.series, version };
    if (this.scheduled) return;
    this.scheduled = true;
    queueMicrotask(() => {
      this.scheduled = false;
      for (const listener of this.listeners) listener();
    });
  }
}

/** What was asked for is not there any more: nothing is to be waited for. */
function noneIfGone(error: unknown): [] {
  if (error instanceof Refused && error.status < 500) return [];
  throw error;
}

/** `3fa9c1d2-17`: which process, and which of its frames. */
function parts(id: string | null): [string, number] {
  const [boot = "", number = ""] = (id ?? "").split("-");
  return [boot, Number.parseInt(number, 10)];
}

/** The one that all pages share. */
export const live = new LiveStore();
