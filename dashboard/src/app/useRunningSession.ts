"use client";

import { useEffect } from "react";
import { get } from "@/api/client";
import type { SessionDetail } from "@/api/types";
import { useApi } from "@/api/useApi";
import { useSource } from "@/store/source";

const AGAIN = 5000; // milliseconds, while it goes on

/** The session whose routes are being served: what was planned, and whether it is over. */
export function useRunningSession(): SessionDetail | undefined {
  const id = useSource((view) =>
    view.connected?.kind === "harness" ? (view.connected.session ?? "") : "",
  );
  const found = useApi<SessionDetail | undefined>(
    async (signal) =>
      id === "" ? undefined : get("/api/sessions/{session}", { session: id }, signal),
    [id],
  );
  const { reload, data } = found;
  const running = data?.state === "running";
  useEffect(() => {
    if (!running) return;
    const timer = setInterval(reload, AGAIN);
    return () => clearInterval(timer);
  }, [running, reload]);
  return data;
}
