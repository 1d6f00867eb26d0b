"use client";

/**
 * What is shown is in the address, so that a link restores it: filters, sorting, what is open. Only
 * what differs from the default is written, and the history of the browser is left alone.
 */
import { useCallback, useSyncExternalStore } from "react";

const CHANGED = "flb:url";

/** The values under these keys, or their defaults; and a function that sets some of them. */
export function useUrlState<T extends Record<string, string>>(
  defaults: T,
): [T, (changes: Partial<Record<keyof T, string>>) => void] {
  const search = useSyncExternalStore(
    watch,
    () => window.location.search,
    () => "",
  );
  const asked = new URLSearchParams(search);
  const values = Object.fromEntries(
    Object.entries(defaults).map(([key, value]) => [key, asked.get(key) ?? value]),
  ) as T;
  const set = useCallback(
    (changes: Partial<Record<keyof T, string>>) =>
      setUrl(changes as Record<string, string>, defaults),
    [defaults],
  );
  return [values, set];
}

/** False while the page is still as it was exported, when no address is known yet. */
export function useHydrated(): boolean {
  return useSyncExternalStore(
    () => () => undefined,
    () => true,
    () => false,
  );
}

function setUrl(changes: Record<string, string>, defaults: Record<string, string>): void {
  const asked = new URLSearchParams(window.location.search);
  for (const [key, value] of Object.entries(changes)) {
    if (value === defaults[key]) asked.delete(key);
    else asked.set(key, value);
  }
  const query = asked.size > 0 ? `?${asked}` : "";
  window.history.replaceState(window.history.state, "", window.location.pathname + query);
  announce();
}

/** Tell all who show something of the address that it is another one. */
export function announce(): void {
  window.dispatchEvent(new Event(CHANGED));
}

function watch(changed: () => void): () => void {
  window.addEventListener("popstate", changed);
  window.addEventListener(CHANGED, changed);
  return () => {
    window.removeEventListener("popstate", changed);
    window.removeEventListener(CHANGED, changed);
  };
}

/** A list in one value: `v4,v6`. Names may have commas in their parameters, so they are encoded. */
export const list = {
  read: (text: string): string[] => (text === "" ? [] : text.split(" ")),
  write: (names: readonly string[]): string => names.join(" "),
};
