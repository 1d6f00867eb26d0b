"use client";

import { useEffect, useRef, useState } from "react";
import { get } from "@/api/client";
import { DecisionLog, type Deliberation } from "@/store/decisions";

/**
 * The last decisions of a route, asked for again when `tick` changes and the last answer is there;
 * from the beginning when `boot` does: then another process counts them.
 */
export function useDecisions(route: string, boot: string, tick: number): Deliberation[] {
  const log = useRef({ key: "", log: new DecisionLog(), asking: false });
  const [shown, show] = useState<Deliberation[]>([]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: a tick is a reason to ask
  useEffect(() => {
    const key = `${boot} ${route}`;
    if (log.current.key !== key) log.current = { key, log: new DecisionLog(), asking: false };
    const mine = log.current;
    if (mine.asking) return;
    mine.asking = true;
    get("/api/routes/{route}/decisions", { route, after: mine.log.after })
      .then((told) => {
        mine.log.take(told);
        if (log.current === mine) show(mine.log.requests());
      })
      .catch(() => undefined) // the header says that the connection is lost
      .finally(() => {
        mine.asking = false;
      });
  }, [route, boot, tick]);
  return shown;
}
