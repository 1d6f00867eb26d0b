import type { ReactNode } from "react";
import { Button } from "./Button";

/** In the place of content that is not there: why, and what to do about it. */
export function Note({ title, children }: { title: string; children?: ReactNode }) {
  return (
    <div className="mx-auto my-16 max-w-md break-words text-center text-ink-2 [&_a]:text-accent [&_a]:underline [&_code]:num [&_code]:rounded [&_code]:bg-sunken [&_code]:px-1.5 [&_code]:py-0.5 [&_code]:text-ink">
      <h1 className="mb-2 font-medium text-ink text-lg">{title}</h1>
      <div className="text-balance leading-relaxed">{children}</div>
    </div>
  );
}

/** While something is on its way; says so only if that takes a while. */
export function Loading({ what }: { what: string }) {
  return (
    <p role="status" className="my-16 animate-pulse text-center text-ink-3">
      Loading {what} …
    </p>
  );
}

/** After a call that failed: what the balancer said, and another try. */
export function Failed({ error, again }: { error: Error; again: () => void }) {
  return (
    <div role="alert" className="my-8 rounded-lg border border-bad/40 bg-bad-soft px-4 py-3">
      <p className="mb-2 break-words">{error.message}</p>
      <Button onClick={again}>Try again</Button>
    </div>
  );
}
