/**
 * A route's numbers over time, in columns, in a bounded space: after an hour of stream it has as
 * many samples as after ten minutes. The newest sample is always there.
 */
import type { RouteFrame, RouteHistory, SharesHistory } from "@/api/types";

export const FIELDS = [
  "requests",
  "delivered",
  "given_up",
  "attempts",
  "paid_attempts",
  "rate_limited",
  "effort",
  "score",
  "bound",
  "regret",
  "p50",
  "p99",
] as const;

export type Field = (typeof FIELDS)[number];
/** Each server's share of the attempts of the last ten seconds; null where that is not known. */
export type Shares = readonly number[] | null;
/** What each server's limit is believed to be, per second, and counts; null where nothing is. */
export interface Limits {
  low: readonly (number | null)[];
  believed: readonly (number | null)[];
  high: readonly (number | null)[];
  attempts: readonly number[];
  refused: readonly number[];
}
export type Sample = Record<Field, number | null> & { share?: Shares; limits?: Limits | null };

/** What is drawn of a series: moments, and for each which sample it is, or -1 in a stretch without any. */
export interface Timeline {
  time: number[];
  samples: number[];
}

export const CAPACITY = 600;
const IDLE = 5; // seconds without a frame: nothing went on
const LOOKED_AT = 40; // samples, to find out their usual distance
const STRIDES = 4; // and so many times the usual distance of samples

export class Series {
  /** Seconds since the epoch, rising. */
  time: number[] = [];
  readonly columns = Object.fromEntries(FIELDS.map((field) => [field, []])) as unknown as Record<
    Field,
    (number | null)[]
  >;
  share: Shares[] = [];
  limits: (Limits | null)[] = [];
  /** Changes whenever something was added: charts redraw then. */
  version = 0;
  private drawn: (Timeline & { version: number }) | null = null;
  /** Samples nearer to each other than this are not kept, but for the newest. */
  private gap = 0;

  /** The shares are most of what there is to keep: only where somebody looks at them. */
  constructor(
    private readonly capacity = CAPACITY,
    public keepsShares = true,
  ) {}

  get last(): number {
    return this.time.at(-1) ?? Number.NEGATIVE_INFINITY;
  }

  /** Add one sample, usually the newest; one that is late finds its place, a known one is ignored. */
  add(time: number, sample: Sample): void {
    const at = this.place(time);
    if (this.time[at] === time) {
      if (this.share[at] === null && sample.share && this.keepsShares) {
        this.share[at] = sample.share;
        this.limits[at] = sample.limits ?? null;
        this.version++;
      }
      return;
    }
    const { length } = this.time;
    const crowded =
      at === length && length > 1 && this.time[length - 1]! - this.time[length - 2]! < this.gap;
    this.write(crowded ? at - 1 : at, crowded ? 1 : 0, time, sample);
    if (this.time.length > this.capacity) this.thin();
    this.version++;
  }

  /** A hole, so that no line is drawn across a time of which nothing is known. */
  interrupt(time: number): void {
    const nothing = Object.fromEntries(FIELDS.map((field) => [field, null])) as Sample;
    this.add(time, nothing);
  }

  /** What the balancer remembers of this route. */
  merge(history: RouteHistory | SharesHistory): void {
    history.time.forEach((time, index) => {
      const sample = Object.fromEntries(
        FIELDS.map((field) => [field, history[field][index] ?? null]),
      ) as Sample;
      this.add(time, "share" in history ? { ...sample, ...servers(history, index) } : sample);
    });
  }

  /** Up to the last sample that differs from the one before, with a hole in every idle stretch. */
  timeline(): Timeline {
    if (this.drawn?.version === this.version) return this.drawn;
    const { time } = this;
    const { requests, attempts } = this.columns;
    let end = time.length;
    const same = (at: number) =>
      requests[at] === requests[at - 1] && attempts[at] === attempts[at - 1];
    while (end > 1 && same(end - 1)) end--;
    const idle = Math.max(IDLE, STRIDES * usualStep(time));
    const line: Timeline = { time: [], samples: [] };
    for (let at = 0; at < end; at++) {
      if (at > 0 && time[at]! - time[at - 1]! > idle) {
        line.time.push(time[at - 1]! + idle / STRIDES);
        line.samples.push(-1);
      }
      line.time.push(time[at]!);
      line.samples.push(at);
    }
    this.drawn = { ...line, version: this.version };
    return this.drawn;
  }

  private place(time: number): number {
    let at = this.time.length;
    while (at > 0 && this.time[at - 1]! >= time) at--;
    return at;
  }

  private write(at: number, replacing: number, time: number, sample: Sample): void {
    this.time.splice(at, replacing, time);
    this.share.splice(at, replacing, (this.keepsShares && sample.share) || null);
    this.limits.splice(at, replacing, (this.keepsShares && sample.limits) || null);
    for (const field of FIELDS) this.columns[field].splice(at, replacing, sample[field]);
  }

  /** Keep what is far enough apart, and every hole. */
  private thin(): void {
    const span = this.last - this.time[0]!;
    this.gap = Math.max(2 * this.gap, (2 * span) / this.capacity);
    const kept: number[] = [];
    this.time.forEach((time, index) => {
      const hole = this.columns.requests[index] === null;
      const far = kept.length === 0 || time - this.time[kept.at(-1)!]! >= this.gap;
      if (hole || far || index === this.time.length - 1) kept.push(index);
    });
    this.time = kept.map((index) => this.time[index]!);
    this.share = kept.map((index) => this.share[index]!);
    this.limits = kept.map((index) => this.limits[index]!);
    for (const field of FIELDS) {
      const column = this.columns[field];
      this.columns[field] = kept.map((index) => column[index]!);
    }
  }
}

/** What is remembered of each server at one sample. */
function servers(
  { share, limits }: SharesHistory,
  index: number,
): Pick<Sample, "share" | "limits"> {
  const row = limits[index] ?? [];
  const column = (at: 0 | 1 | 2) => row.map((each) => each?.[at] ?? null);
  const counts = (at: 3 | 4) => row.map((each) => each?.[at] ?? 0);
  if (row.every((each) => each === null)) return { share: share[index]! };
  return {
    share: share[index]!,
    limits: {
      low: column(0),
      believed: column(1),
      high: column(2),
      attempts: counts(3),
      refused: counts(4),
    },
  };
}

/** The median distance of samples, from some of them. */
function usualStep(time: readonly number[]): number {
  const stride = Math.max(1, Math.floor(time.length / LOOKED_AT));
  const steps: number[] = [];
  for (let at = 1; at < time.length; at += stride) steps.push(time[at]! - time[at - 1]!);
  return steps.sort((a, b) => a - b)[steps.length >> 1] ?? 0;
}

/** One number of a series as a line; its x in seconds since `origin`. */
export function lineOf(series: Series, field: Field, origin: number) {
  const { time, samples } = series.timeline();
  const column = series.columns[field];
  return {
    x: time.map((each) => each - origin),
    y: samples.map((at) => column[at] ?? null),
  };
}

/** The numbers of a frame that are followed over time. */
export function sampleOf(route: RouteFrame): Sample {
  const { p50, p99 } = route.latency_ms;
  const sample: Partial<Sample> = { p50, p99, share: route.servers.share, limits: limitsOf(route) };
  for (const field of FIELDS) {
    if (field !== "p50" && field !== "p99") sample[field] = route[field];
  }
  return sample as Sample;
}

function limitsOf({ servers }: RouteFrame): Limits | null {
  const { capacity, capacity_low: low, capacity_high: high, attempts, rate_limited } = servers;
  if (capacity === undefined) return null;
  return {
    low: low ?? capacity,
    believed: capacity,
    high: high ?? capacity,
    attempts,
    refused: rate_limited,
  };
}
