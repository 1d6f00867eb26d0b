import clsx from "clsx";
import type { ComponentProps } from "react";

const LOOK =
  "inline-flex h-7 items-center gap-1.5 whitespace-nowrap rounded-md border border-line bg-surface px-2.5 text-xs text-ink-2 hover:border-line-strong hover:text-ink disabled:cursor-not-allowed disabled:opacity-50 aria-pressed:border-ink aria-pressed:text-ink max-sm:h-9 max-sm:px-3";

export function Button({ className, ...rest }: ComponentProps<"button">) {
  return <button type="button" className={clsx(LOOK, className)} {...rest} />;
}

/** A link that looks like a button: for what is elsewhere, or a file of the API. */
export function ButtonLink({ className, ...rest }: ComponentProps<"a">) {
  return <a className={clsx(LOOK, className)} {...rest} />;
}
