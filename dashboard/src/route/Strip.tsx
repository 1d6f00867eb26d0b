import clsx from "clsx";

export interface Fact {
  name: string;
  value: string;
  hint?: string;
  strong?: boolean;
}

/** Numbers side by side, as many in a row as fit. */
export function Strip({ facts }: { facts: readonly Fact[] }) {
  return (
    <dl className="mb-4 flex flex-wrap gap-px overflow-hidden rounded-xl border border-line bg-line shadow-panel">
      {facts.map(({ name, value, hint, strong }) => (
        <div key={name} title={hint} className="grow basis-20 bg-surface px-3 py-2.5">
          <dt className="whitespace-nowrap text-ink-3 text-xs">{name}</dt>
          <dd className={clsx("num", strong ? "font-medium text-xl" : "pt-0.5 text-[15px]")}>
            {value}
          </dd>
        </div>
      ))}
    </dl>
  );
}
