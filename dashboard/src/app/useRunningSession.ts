"use client";

import type { SessionDetail } from "@/api/types";
import { useSource } from "@/store/source";
import { useSession } from "./useSession";

const AGAIN = 5000; // milliseconds, while it goes on

/** The session whose routes are being served: what was planned, and whether it is over. */
export function useRunningSession(): SessionDetail | undefined {
  const id = useSource((view) =>
    view.connected?.kind === "harness" ? (view.connected.session ?? "") : "",
  );
  return useSession(id, AGAIN).data;
}
