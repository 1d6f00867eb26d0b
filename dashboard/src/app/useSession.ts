"use client";

import { useEffect } from "react";
import { get } from "@/api/client";
import type { SessionDetail } from "@/api/types";
import { useApi } from "@/api/useApi";

/** A session in full; asked every `again` milliseconds while it goes on, or once. None for an empty name. */
export function useSession(id: string, again?: number) {
  const found = useApi<SessionDetail | undefined>(
    async (signal) =>
      id === "" ? undefined : get("/api/sessions/{session}", { session: id }, signal),
    [id],
  );
  const { reload, data } = found;
  const running = data?.state === "running";
  useEffect(() => {
    if (!running || again === undefined) return;
    const timer = setInterval(reload, again);
    return () => clearInterval(timer);
  }, [running, reload, again]);
  return found;
}
