/**
 * Where pages get frames from. Live and replay are two sources of the same shape, so that every
 * chart works with both.
 */
import { createContext, useContext, useRef, useSyncExternalStore } from "react";
import type { Connected, Frame } from "@/api/types";
import type { Series } from "./series";

export type Phase =
  /** Nothing was heard yet. */
  | "connecting"
  /** What is shown is what is. */
  | "live"
  /** The connection was lost; we try again. What is shown is the last that was heard. */
  | "lost"
  /** A recorded run is shown. */
  | "replay";

/** What a page sees. A new object whenever something changed; `series` are updated in place. */
export interface View {
  phase: Phase;
  /** When the connection was lost, in milliseconds since the epoch, and when we try again. */
  lostAt: number | null;
  retryAt: number | null;
  /** Who answers; a frame of another boot than the one before comes from a new process. */
  connected: Connected | null;
  frame: Frame | null;
  /** By route. */
  series: ReadonlyMap<string, Series>;
  /** When the balancer was started anew while we watched; seconds since the epoch. */
  restarts: readonly number[];
  /** A part of the past was asked for in vain; it is asked for again. */
  missing: boolean;
  /** Counts changes. */
  version: number;
}

export interface Source {
  subscribe(changed: () => void): () => void;
  view(): View;
}

export const NOTHING: View = {
  phase: "connecting",
  lostAt: null,
  retryAt: null,
  connected: null,
  frame: null,
  series: new Map(),
  restarts: [],
  missing: false,
  version: 0,
};

export const SourceContext = createContext<Source | null>(null);

/** A part of the view; the component is drawn again when that part is another one. */
export function useSource<T>(select: (view: View) => T, same: (a: T, b: T) => boolean = Object.is) {
  const source = useContext(SourceContext);
  if (source === null) throw new Error("no <SourceContext> around this component");
  const last = useRef<{ value: T } | null>(null);
  const read = (view: View): T => {
    const value = select(view);
    if (last.current === null || !same(last.current.value, value)) last.current = { value };
    return last.current.value;
  };
  return useSyncExternalStore(
    source.subscribe,
    () => read(source.view()),
    () => read(NOTHING),
  );
}
