import clsx from "clsx";
import { look } from "@/theme/strategies";

/** A piece of a strategy's line, as in every chart. */
export function Swatch({ strategy }: { strategy: string }) {
  const { hue, dash } = look(strategy);
  return (
    <svg width="22" height="8" viewBox="0 0 22 8" aria-hidden="true" className="shrink-0">
      <path
        d="M1 4h20"
        stroke={`var(${hue})`}
        strokeWidth="3"
        strokeDasharray={dash.join(" ")}
        strokeLinecap={dash.length > 0 ? "butt" : "round"}
      />
    </svg>
  );
}

/** A strategy's name beside a piece of its line; or that of one that plays it, above. */
export function Strategy(props: { name: string; of?: string | null; className?: string }) {
  const { name, of = null } = props;
  return (
    <span
      className={clsx("inline-flex min-w-0 max-w-full items-center gap-2", props.className)}
      title={of ?? undefined}
    >
      <Swatch strategy={name} />
      <span className="min-w-0 truncate font-medium">
        {of ?? name}
        {of !== null && (
          <span className="block truncate font-normal text-ink-3 text-xs">{name}</span>
        )}
      </span>
    </span>
  );
}
