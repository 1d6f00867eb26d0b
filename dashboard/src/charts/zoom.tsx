"use client";

/**
 * The stretch of time that the charts of a page show, the same for all of them, and in the address:
 * `zoom=300` is the last five minutes, `zoom=12~40` a stretch that somebody marked by dragging.
 */
import { createContext, type ReactNode, useContext, useId, useMemo } from "react";
import { Button } from "@/components/Button";
import { Choice } from "@/components/Choice";
import { useUrlState } from "@/lib/url";

export type Range = readonly [number, number];

export interface Zoom {
  /** Charts of one group share a cursor, too. */
  group: string;
  asked: string;
  /** What is shown of data from `first` to `last`. */
  range: (first: number, last: number) => Range;
  set: (range: Range | null) => void;
}

export const ZoomContext = createContext<Zoom | null>(null);
export const useZoom = (): Zoom | null => useContext(ZoomContext);

const WHOLE = "whole";
const DEFAULTS = { zoom: WHOLE };
const CHOICES = [
  { value: "60", name: "Last minute" },
  { value: "300", name: "5 min" },
  { value: WHOLE, name: "Whole" },
];

export function ZoomGroup({ children }: { children: ReactNode }) {
  const [{ zoom: asked }, ask] = useUrlState(DEFAULTS);
  const group = useId();
  const zoom = useMemo(
    () => ({
      group,
      asked,
      range: (first: number, last: number) => shown(asked, first, last),
      set: (range: Range | null) => ask({ zoom: range === null ? WHOLE : written(range) }),
    }),
    [group, asked, ask],
  );
  return <ZoomContext value={zoom}>{children}</ZoomContext>;
}

/** The last minute, the last five, or all of it; and the way back from a stretch that was marked. */
export function ZoomChoice() {
  const [{ zoom: asked }, ask] = useUrlState(DEFAULTS);
  const marked = asked.includes("~");
  return (
    <span className="inline-flex items-center gap-1.5">
      <Choice
        label="Time shown"
        value={marked ? "marked" : asked}
        options={CHOICES}
        onChange={(zoom) => ask({ zoom })}
      />
      {marked && <Button onClick={() => ask({ zoom: WHOLE })}>Zoom out</Button>}
    </span>
  );
}

/** Never nothing: what does not touch the data is as if it were not asked for. */
export function shown(asked: string, first: number, last: number): Range {
  const whole: Range = first < last ? [first, last] : [first - 0.5, last + 0.5];
  const [from, to] = asked.split("~").map(Number) as [number, number?];
  if (!Number.isFinite(from)) return whole;
  if (to === undefined) return [Math.max(whole[0], whole[1] - from), whole[1]];
  return Number.isFinite(to) && from < to && from < whole[1] && to > whole[0] ? [from, to] : whole;
}

const written = (range: Range): string => range.map((x) => Number(x.toFixed(3))).join("~");

/** Half as much around a point, or twice as much; at most the whole. */
export function scaled([from, to]: Range, around: number, by: number, [first, last]: Range): Range {
  const next = [around - (around - from) * by, around + (to - around) * by] as const;
  return [Math.max(first, next[0]), Math.min(last, next[1])];
}
