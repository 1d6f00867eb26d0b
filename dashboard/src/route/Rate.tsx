import * as format from "@/lib/format";

/**
 * What is believed of a server's success rate, from 0 on the left to 1 on the right: a bar for the
 * interval, a dot for the mean, and a line for the truth where that is known.
 */
export function Rate(props: {
  mean: number | null;
  low: number | null;
  high: number | null;
  truth: number | null;
}) {
  const { mean, low, high, truth } = props;
  const at = (value: number) => `${100 * value}%`;
  const said = words(props);
  return (
    <div className="relative h-5 w-full min-w-28" role="img" aria-label={said} title={said}>
      <div className="absolute inset-x-0 top-1/2 h-px bg-line" />
      {[0, 0.25, 0.5, 0.75, 1].map((tick) => (
        <div
          key={tick}
          className="absolute top-[7px] h-1.5 w-px bg-line"
          style={{ left: at(tick) }}
        />
      ))}
      {low !== null && high !== null && (
        <div
          className="absolute top-1/2 h-2 -translate-y-1/2 rounded-full bg-accent/30 transition-[left,width] duration-500"
          style={{ left: at(low), width: at(high - low) }}
        />
      )}
      {mean !== null && (
        <div
          className="absolute top-1/2 size-2.5 -translate-x-1/2 -translate-y-1/2 rounded-full bg-accent ring-2 ring-surface transition-[left] duration-500"
          style={{ left: at(mean) }}
        />
      )}
      {truth !== null && (
        <div
          className="absolute inset-y-0 w-0.5 -translate-x-1/2 bg-warn"
          style={{ left: at(truth) }}
        />
      )}
    </div>
  );
}

function words({ mean, low, high, truth }: Parameters<typeof Rate>[0]): string {
  const two = (value: number) => format.number(value, 2);
  return [
    mean === null ? "Nothing is known" : `Mean ${two(mean)}`,
    ...(low === null || high === null ? [] : [`95 % between ${two(low)} and ${two(high)}`]),
    ...(truth === null ? [] : [`truth ${two(truth)}`]),
  ].join(", ");
}
