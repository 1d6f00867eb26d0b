import clsx from "clsx";
import type { Decision } from "@/api/types";
import type { ServerRow } from "@/route/servers";

/** The server that a decision named, if it named one. */
export function target(decision: Decision, rows: readonly ServerRow[]): string {
  if (decision.move === "give-up") return "";
  if (decision.move === "hold") return "";
  return rows.find((row) => row.server === decision.server)?.name ?? decision.server ?? "";
}

const WORDS: Record<string, { word: string; look: string }> = {
  succeeded: { word: "succeeded", look: "text-good" },
  failed: { word: "failed", look: "text-bad" },
  "rate-limited": { word: "refused", look: "text-warn" },
  cancelled: { word: "cancelled", look: "text-ink-3" },
  hold: { word: "held", look: "text-warn" },
  "give-up": { word: "gave up", look: "text-bad" },
  send: { word: "on its way", look: "text-ink-3" },
};

export function Outcome({ decision }: { decision: Decision }) {
  const { word, look } = WORDS[decision.outcome ?? decision.move]!;
  return <span className={clsx("whitespace-nowrap", look)}>{word}</span>;
}
