"use client";

import { useEffect } from "react";
import { get } from "@/api/client";
import type { RouteDetail } from "@/api/types";
import { type Loaded, useApi } from "@/api/useApi";

/** What frames do not have, asked for again when `tick` changes and the last answer is there. */
export function useDetail(
  route: string,
  boot: string,
  tick: number,
): Loaded<RouteDetail> & { reload: () => void } {
  const found = useApi((signal) => get("/api/routes/{route}", { route }, signal), [route, boot], {
    lasting: true,
  });
  const { status, reload } = found;
  // biome-ignore lint/correctness/useExhaustiveDependencies: a tick is a reason to ask
  useEffect(() => {
    if (status !== "loading") reload();
  }, [tick]);
  return found;
}
