"use client";

import clsx from "clsx";
import { useEffect, useEffectEvent, useSyncExternalStore } from "react";
import { Choice } from "@/components/Choice";
import { moment, span } from "@/lib/format";
import { type ReplayStore, SPEEDS } from "@/store/replay";

const CHOICES = SPEEDS.map((speed) => ({ value: String(speed), name: `${speed}×` }));
const ICONS = {
  first: "M4 3v10M13 3L6 8l7 5z",
  back: "M11 3L4 8l7 5z",
  play: "M4 2.5v11L13 8z",
  pause: "M5 3v10M11 3v10",
  next: "M5 3l7 5l-7 5z",
  last: "M12 3v10M3 3l7 5l-7 5z",
};

/**
 * Play, pause, step, seek and speed, with the mouse or the keyboard. `onRest` is told where it is
 * whenever it rests, so that the address can say so.
 */
export function Player(props: { store: ReplayStore; onRest: (at: number, speed: number) => void }) {
  const { store, onRest } = props;
  const { at, playing, speed } = useSyncExternalStore(store.watch, store.clock, store.clock);
  const rest = useEffectEvent((where: number, how: number) => onRest(where, how));
  useEffect(() => {
    if (!playing) rest(at, speed);
  }, [playing, at, speed]);
  useKeys(store);
  return (
    <section
      aria-label="Replay"
      data-player
      className="sticky bottom-0 z-20 -mx-4 mt-4 border-line border-t bg-canvas/90 px-4 py-2.5 backdrop-blur-md sm:-mx-6 sm:px-6"
    >
      <div className="flex flex-wrap items-center gap-x-3 gap-y-1.5">
        <div className="flex gap-1">
          <Control name="To the beginning" icon="first" onClick={() => store.seek(0)} />
          <Control name="One frame back" icon="back" onClick={() => store.step(-1)} />
          <Control
            name={playing ? "Pause" : "Play"}
            icon={playing ? "pause" : "play"}
            strong
            onClick={() => store.toggle()}
          />
          <Control name="One frame on" icon="next" onClick={() => store.step(1)} />
          <Control name="To the end" icon="last" onClick={() => store.seek(store.length)} />
        </div>
        <input
          type="range"
          aria-label="Moment of the replay"
          aria-valuetext={`${span(at)} of ${span(store.length)}`}
          min={0}
          max={store.length}
          step="any"
          value={at}
          onChange={(event) => store.seek(Number(event.target.value))}
          className="h-6 min-w-40 grow basis-40 accent-accent max-sm:order-last max-sm:basis-full"
        />
        <p className="num whitespace-nowrap text-xs" title={moment(store.start + at)}>
          {span(Number(at.toFixed(1)))} <span className="text-ink-3">of {span(store.length)}</span>
        </p>
        <Choice
          label="Speed"
          value={String(speed)}
          options={CHOICES}
          onChange={(value) => store.setSpeed(Number(value))}
        />
      </div>
      <p className="mt-1 text-ink-3 text-xs max-sm:hidden">
        Space plays and pauses · ← → step · Home and End · Page up and down: faster, slower
      </p>
    </section>
  );
}

function Control(props: {
  name: string;
  icon: keyof typeof ICONS;
  strong?: boolean;
  onClick: () => void;
}) {
  return (
    <button
      type="button"
      aria-label={props.name}
      title={props.name}
      onClick={props.onClick}
      className={clsx(
        "grid size-8 place-items-center rounded-full border max-sm:size-9",
        props.strong
          ? "border-ink bg-ink text-surface"
          : "border-transparent text-ink-2 hover:border-line hover:text-ink",
      )}
    >
      <svg width="14" height="14" viewBox="0 0 16 16" aria-hidden="true">
        <path
          d={ICONS[props.icon]}
          fill={props.icon === "pause" ? "none" : "currentColor"}
          stroke="currentColor"
          strokeWidth={props.icon === "pause" ? 3 : 1.6}
          strokeLinejoin="round"
        />
      </svg>
    </button>
  );
}

const KEYS: Record<string, (store: ReplayStore) => void> = {
  " ": (store) => store.toggle(),
  ArrowLeft: (store) => store.step(-1),
  ArrowRight: (store) => store.step(1),
  Home: (store) => store.seek(0),
  End: (store) => store.seek(store.length),
  PageUp: (store) => store.shift(1),
  PageDown: (store) => store.shift(-1),
};

/** Keys work wherever nothing else has a use for them. */
function useKeys(store: ReplayStore): void {
  useEffect(() => {
    const press = (event: KeyboardEvent) => {
      const action = KEYS[event.key];
      if (action === undefined || event.defaultPrevented || taken(event)) return;
      event.preventDefault();
      action(store);
    };
    window.addEventListener("keydown", press);
    return () => window.removeEventListener("keydown", press);
  }, [store]);
}

function taken(event: KeyboardEvent): boolean {
  if (event.ctrlKey || event.metaKey || event.altKey) return true;
  const target = event.target as Element;
  const range = target.matches("input[type=range]");
  if (range) return event.key !== " ";
  if (target.matches("input, select, textarea")) return true;
  // In a row of buttons the arrows move along it; the space bar presses any of them.
  if (target.matches("button, a, summary, [role=radio]")) {
    return event.key === " " || target.getAttribute("role") === "radio";
  }
  return false;
}
