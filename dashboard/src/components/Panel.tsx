import clsx from "clsx";
import { type ReactNode, useId } from "react";

/** A part of a page with a title, what one can do with it, and a line that says how to read it. */
export function Panel(props: {
  title: string;
  hint?: ReactNode;
  actions?: ReactNode;
  children: ReactNode;
  className?: string;
  level?: 2 | 3;
}) {
  const id = useId();
  const Heading = `h${props.level ?? 2}` as const;
  return (
    <section
      aria-labelledby={id}
      className={clsx(
        "min-w-0 rounded-xl border border-line bg-surface shadow-panel",
        props.className,
      )}
    >
      <div className="flex flex-wrap items-start gap-x-4 gap-y-1 px-4 pt-3 pb-2">
        <div className="min-w-0 grow basis-40 wrap-anywhere">
          <Heading id={id} className="break-words font-medium text-[15px] tracking-tight">
            {props.title}
          </Heading>
          {props.hint && <p className="text-ink-3 text-xs leading-relaxed">{props.hint}</p>}
        </div>
        {props.actions && <div className="flex flex-wrap gap-1.5">{props.actions}</div>}
      </div>
      <div className="px-4 pb-4">{props.children}</div>
    </section>
  );
}
