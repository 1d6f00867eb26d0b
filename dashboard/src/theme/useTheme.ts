import { useSyncExternalStore } from "react";
import { THEME_KEY } from "./script";

export type Theme = "light" | "dark";

declare global {
  interface Window {
    /** Set by the script in <head>; null means: as the system prefers. */
    flbTheme?: (theme: Theme | null) => void;
  }
}

/** What is shown now. Charts on canvases redraw when it changes. */
export function useTheme(): Theme {
  return useSyncExternalStore(watch, shown, () => "light");
}

/** What was chosen: null is the system's preference. */
export function chosenTheme(): Theme | null {
  try {
    return localStorage.getItem(THEME_KEY) as Theme | null;
  } catch {
    return null;
  }
}

export function chooseTheme(theme: Theme | null): void {
  window.flbTheme?.(theme);
}

function shown(): Theme {
  return document.documentElement.dataset.theme === "dark" ? "dark" : "light";
}

function watch(changed: () => void): () => void {
  const observer = new MutationObserver(changed);
  observer.observe(document.documentElement, { attributeFilter: ["data-theme"] });
  return () => observer.disconnect();
}
