import { look } from "@/theme/strategies";

/**
 * Where a strategy is in the race: the finish on the right is the bound, the start on the left a
 * share of it that all have reached, the same for all lanes.
 */
export function Lane(props: { strategy: string; share: number | null; start: number }) {
  const { strategy, share, start } = props;
  if (share === null) return null;
  const done = Math.min(1, Math.max(0, (share - start) / (1 - start)));
  const hue = `var(${look(strategy).hue})`;
  return (
    <div className="relative h-4 w-full min-w-24 overflow-x-clip" aria-hidden="true">
      <div className="absolute inset-x-0 top-1/2 h-px bg-line" />
      <div className="absolute inset-y-0 right-0 w-px bg-line-strong" />
      <div className="absolute inset-y-0 right-[5px] left-[7px]">
        <div
          className="absolute top-1/2 left-0 h-[3px] w-full origin-left -translate-y-1/2 rounded-full opacity-35 transition-transform duration-500 ease-out"
          style={{ background: hue, transform: `scaleX(${done})` }}
        />
        <div
          className="absolute inset-0 transition-transform duration-500 ease-out"
          style={{ transform: `translateX(${100 * done}%)` }}
        >
          <div
            className="absolute top-1/2 left-0 size-2.5 -translate-x-1/2 -translate-y-1/2 rounded-full ring-2 ring-surface"
            style={{ background: hue }}
          />
        </div>
      </div>
    </div>
  );
}
