"use client";

import { useCallback, useEffect, useRef, useState, useSyncExternalStore } from "react";
import { live } from "@/store/live";

export type Loaded<T> =
  | { status: "loading"; data: T | undefined; error?: Error | undefined }
  | { status: "ready"; data: T; error?: undefined }
  | { status: "error"; data: T | undefined; error: Error };

/**
 * What a call answers; asked again when one of `keys` changes or `reload` is called, and when the
 * balancer is back after a loss, unless what it answered is `lasting`. Meanwhile, and after an error,
 * `data` is what was last known under the same keys; `error` stays until it is known better.
 */
export function useApi<T>(
  call: (signal: AbortSignal) => Promise<T>,
  keys: readonly unknown[],
  { lasting = false } = {},
): Loaded<T> & { reload: () => void } {
  const key = JSON.stringify(keys);
  const [asked, setAsked] = useState(0);
  const [state, setState] = useState<Loaded<T> & { key: string }>({
    status: "loading",
    data: undefined,
    key,
  });
  // biome-ignore lint/correctness/useExhaustiveDependencies: `key` stands for what `call` uses
  useEffect(() => {
    const abort = new AbortController();
    setState((old) => ({ ...(old.key === key ? known(old) : UNKNOWN), status: "loading", key }));
    call(abort.signal).then(
      (data) => !abort.signal.aborted && setState({ status: "ready", data, key }),
      (error: Error) =>
        !abort.signal.aborted &&
        setState((old) => ({ status: "error", data: old.data, error, key })),
    );
    return () => abort.abort();
  }, [key, asked]);
  const reload = useCallback(() => setAsked((count) => count + 1), []);
  useBack((before) => {
    if (state.status === "error" || (before && !lasting)) reload();
  });
  const current: Loaded<T> = state.key === key ? state : { status: "loading", data: undefined };
  return { ...current, reload };
}

const UNKNOWN = { data: undefined };
const known = <T>({ data, error }: Loaded<T>) => ({ data, error });

/** Calls when the balancer is there; and says whether it was there before. */
function useBack(back: (before: boolean) => void): void {
  const connected = useSyncExternalStore(
    live.subscribe,
    () => live.view().connected,
    () => null,
  );
  const met = useRef(connected);
  // biome-ignore lint/correctness/useExhaustiveDependencies: who is connected is the reason
  useEffect(() => {
    const before = met.current;
    met.current = connected;
    if (connected !== before) back(before !== null);
  }, [connected]);
}
