import clsx from "clsx";
import type { Line } from "./types";

/** The lines of a chart by name; pointing at one makes it stand out. */
export function Legend(props: {
  lines: readonly Line[];
  highlight: string | null;
  onHighlight: ((key: string | null) => void) | undefined;
}) {
  const point = props.onHighlight;
  return (
    <ul className="mt-2 flex flex-wrap gap-x-1 gap-y-0.5 text-xs">
      {props.lines.map(({ key, label, look }) => (
        <li key={key}>
          <button
            type="button"
            onPointerEnter={() => point?.(key)}
            onPointerLeave={() => point?.(null)}
            onFocus={() => point?.(key)}
            onBlur={() => point?.(null)}
            className={clsx(
              "flex items-center gap-1.5 rounded px-1.5 py-0.5 text-ink-2 hover:bg-sunken hover:text-ink",
              props.highlight === key && "bg-sunken text-ink",
            )}
          >
            <svg width="18" height="6" viewBox="0 0 18 6" aria-hidden="true">
              <path
                d="M0 3h18"
                stroke={`var(${look.hue})`}
                strokeWidth="2.5"
                strokeDasharray={look.dash.join(" ")}
              />
            </svg>
            {label}
          </button>
        </li>
      ))}
    </ul>
  );
}
