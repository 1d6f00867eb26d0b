/**
 * Recorded runs as a source: the same view as the live stream's, at a moment of the past that can be
 * moved. All frames are here from the start; playing forward adds what was passed, as live does, and
 * going back begins anew.
 */
import type { Frame, RouteFrame } from "@/api/types";
import { Series, sampleOf } from "./series";
import { NOTHING, type Source, type View } from "./source";

export const SPEEDS = [1, 2, 4, 8, 16];
const TICK = 100; // milliseconds

/** Where the replay is, in seconds from its beginning. */
export interface Clock {
  at: number;
  playing: boolean;
  speed: number;
}

export class ReplayStore implements Source {
  /** Seconds since the epoch. */
  readonly start: number;
  /** Seconds. */
  readonly length: number;
  /** Of the frames, from the beginning on. */
  private readonly times: readonly number[];
  private passed = 0;
  private current: View = { ...NOTHING, phase: "replay" };
  private series = new Map<string, Series>();
  private newest = new Map<string, RouteFrame>();
  private time: Clock = { at: 0, playing: false, speed: 1 };
  private readonly watchers = new Set<() => void>();
  private readonly listeners = new Set<() => void>();
  private timer: ReturnType<typeof setInterval> | undefined;

  /** Frames of one run or of several, oldest first. */
  constructor(private readonly frames: readonly Frame[]) {
    this.start = frames[0]?.time ?? 0;
    this.times = frames.map((frame) => frame.time - this.start);
    this.length = this.times.at(-1) ?? 0;
    this.seek(0);
  }

  get empty(): boolean {
    return this.times.length === 0;
  }

  view = (): View => this.current;

  subscribe = (changed: () => void): (() => void) => {
    this.listeners.add(changed);
    return () => this.listeners.delete(changed);
  };

  clock = (): Clock => this.time;

  /** The clock goes on between two frames, too. */
  watch = (changed: () => void): (() => void) => {
    this.watchers.add(changed);
    return () => this.watchers.delete(changed);
  };

  play(): void {
    if (this.time.playing || this.empty) return;
    if (this.time.at >= this.length) this.seek(0);
    this.set({ playing: true });
    let before = Date.now();
    this.timer = setInterval(() => {
      const now = Date.now();
      this.move(this.time.at + (this.time.speed * (now - before)) / 1000);
      before = now;
    }, TICK);
  }

  pause = (): void => {
    clearInterval(this.timer);
    this.timer = undefined;
    if (this.time.playing) this.set({ playing: false });
  };

  toggle(): void {
    if (this.time.playing) this.pause();
    else this.play();
  }

  setSpeed(speed: number): void {
    this.set({ speed: SPEEDS.includes(speed) ? speed : 1 });
  }

  /** Twice as fast, or half as fast. */
  shift(by: 1 | -1): void {
    const at = SPEEDS.indexOf(this.time.speed) + by;
    this.setSpeed(SPEEDS[Math.min(Math.max(at, 0), SPEEDS.length - 1)]!);
  }

  /** To the next frame, or the one before; that stops the replay. */
  step(by: 1 | -1): void {
    this.pause();
    const { at } = this.time;
    const next =
      by > 0 ? this.times.find((time) => time > at) : this.times.findLast((time) => time < at);
    if (next !== undefined) this.seek(next);
  }

  seek(at: number): void {
    if (at < this.time.at) this.rewind();
    this.move(at);
  }

  private rewind(): void {
    this.series = new Map();
    this.newest = new Map();
    this.passed = 0;
    this.time = { ...this.time, at: 0 };
  }

  private move(to: number): void {
    const at = Math.min(Math.max(to, 0), this.length);
    this.set({ at });
    if (at >= this.length) this.pause();
    const before = this.passed;
    while (this.passed < this.frames.length && this.times[this.passed]! <= at) this.pass();
    if (this.passed > before) this.show();
  }

  /** Take in the next frame. */
  private pass(): void {
    const frame = this.frames[this.passed++]!;
    for (const route of frame.routes) {
      this.of(route.route).add(frame.time, sampleOf(route));
      this.newest.set(route.route, route);
    }
  }

  private show(): void {
    const { time } = this.frames[this.passed - 1]!;
    const frame = { time, routes: [...this.newest.values()] };
    const version = this.current.version + 1;
    this.current = { ...this.current, frame, series: this.series, version };
    for (const listener of this.listeners) listener();
  }

  private set(changes: Partial<Clock>): void {
    this.time = { ...this.time, ...changes };
    for (const watcher of this.watchers) watcher();
  }

  private of(route: string): Series {
    const known = this.series.get(route);
    if (known !== undefined) return known;
    const made = new Series();
    this.series.set(route, made);
    return made;
  }
}
