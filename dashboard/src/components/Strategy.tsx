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

/** A strategy's name beside a piece of its line. */
export function Strategy({ name, className }: { name: string; className?: string }) {
  return (
    <span className={clsx("inline-flex min-w-0 items-center gap-2", className)}>
      <Swatch strategy={name} />
      <span className="truncate font-medium">{name}</span>
    </span>
  );
}
