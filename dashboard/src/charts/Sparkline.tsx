/** A line as small as a word: the course of one number, without axes. */
export function Sparkline(props: {
  values: readonly (number | null)[];
  hue: string;
  width?: number;
  height?: number;
  /** The range that all sparklines of a table share, so that they can be compared. */
  low?: number;
  high?: number;
}) {
  const { values, hue, width = 88, height = 22 } = props;
  const known = values.filter((value) => value !== null);
  const low = props.low ?? Math.min(...known);
  const high = props.high ?? Math.max(...known);
  const reach = high - low || 1;
  const x = (index: number) => 1 + ((width - 2) * index) / Math.max(1, values.length - 1);
  const y = (value: number) => 2 + (height - 4) * (1 - (value - low) / reach);
  let path = "";
  values.forEach((value, index) => {
    if (value === null) return;
    const verb = index === 0 || values[index - 1] === null ? "M" : "L";
    path += `${verb}${x(index).toFixed(1)} ${y(value).toFixed(1)}`;
  });
  return (
    <svg
      width={width}
      height={height}
      viewBox={`0 0 ${width} ${height}`}
      aria-hidden="true"
      className="max-w-full"
    >
      <path d={path} fill="none" stroke={`var(${hue})`} strokeWidth="1.5" strokeLinejoin="round" />
    </svg>
  );
}
