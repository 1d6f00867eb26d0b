"use client";

import { useCallback, useEffect, useState } from "react";

export type Loaded<T> =
  | { status: "loading"; data: T | undefined }
  | { status: "ready"; data: T }
  | { status: "error"; data: T | undefined; error: Error };

/**
 * What a call answers; asked again when one of `keys` changes or `reload` is called. Meanwhile, and
 * after an error, `data` is what was last known under the same keys.
 */
export function useApi<T>(
  call: (signal: AbortSignal) => Promise<T>,
  keys: readonly unknown[],
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
    setState((old) => ({ status: "loading", data: old.key === key ? old.data : undefined, key }));
    call(abort.signal).then(
      (data) => !abort.signal.aborted && setState({ status: "ready", data, key }),
      (error: Error) =>
        !abort.signal.aborted &&
        setState((old) => ({ status: "error", data: old.data, error, key })),
    );
    return () => abort.abort();
  }, [key, asked]);
  const reload = useCallback(() => setAsked((count) => count + 1), []);
  const current: Loaded<T> = state.key === key ? state : { status: "loading", data: undefined };
  return { ...current, reload };
}
