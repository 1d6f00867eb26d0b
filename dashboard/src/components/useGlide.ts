/**
 * A row that changed places glides there. Rows of a table are equally high, so that two places say
 * how far it is. Only rows that can be seen do it, and all are told at once, after the last of them
 * was looked at: else each would have the page laid out anew.
 */
import { type RefObject, useLayoutEffect, useRef } from "react";

/** Added to one another: a row that is overtaken twice in a moment makes no jump. */
const HOW = { duration: 450, easing: "ease-in-out", composite: "add" } as const;

export function useGlide(row: RefObject<HTMLElement | null>, place: number): void {
  const before = useRef(place);
  useLayoutEffect(() => {
    const places = before.current - place;
    before.current = place;
    if (places === 0 || row.current === null || !wanted(row.current)) return;
    const from = { transform: `translateY(${100 * places}%)` };
    queueMicrotask(() => row.current?.animate([from, { transform: "none" }], HOW));
  }, [row, place]);
}

function wanted(row: HTMLElement): boolean {
  const { top, bottom } = row.getBoundingClientRect();
  return (
    bottom > 0 &&
    top < window.innerHeight &&
    !matchMedia("(prefers-reduced-motion: reduce)").matches
  );
}
