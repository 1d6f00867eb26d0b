/** What a line chart is told: its lines, what its numbers are, and what happened meanwhile. */
import type { Look } from "@/theme/strategies";

export interface Line {
  key: string;
  label: string;
  look: Look;
  x: readonly number[];
  y: readonly (number | null)[];
  /** For what the others are measured against: thin. */
  quiet?: boolean;
  /** Grey until it is pointed at: one of many that are not the first. */
  muted?: boolean;
  /** Its label stands at its end. */
  named?: boolean;
  /** Between these two, a light band: an interval around `y`. */
  low?: readonly (number | null)[];
  high?: readonly (number | null)[];
}

/** A moment at which something happened. */
export interface Mark {
  x: number;
  name: string;
}

/** A stretch in which something was so: a fault, an outage. */
export interface Stretch {
  from: number;
  to: number;
  name: string;
}

export interface LineChartProps {
  /** For those who cannot see it, and for the name of its picture. */
  title: string;
  /** What the numbers are, beside the axis. */
  unit: string;
  lines: readonly Line[];
  height?: number;
  /** Numbers as people read them, in the readout and, with so many decimals, on the axis. */
  format?: (value: number, digits?: number) => string;
  formatX?: (value: number) => string;
  /** x is a moment in seconds since the epoch, and the axis shows the clock. */
  clock?: boolean;
  /** Always on the axis, as 0 for what cannot be less. */
  include?: readonly number[];
  /** The axis of the numbers is logarithmic: for what is above 0. */
  log?: boolean;
  marks?: readonly Mark[];
  stretches?: readonly Stretch[];
  /** The line that stands out; the others step back. */
  highlight?: string | null;
  onHighlight?: (key: string | null) => void;
  legend?: boolean;
  /** The lines are parts of a whole, one upon the other from the first at the bottom; same x. */
  stacked?: boolean;
}
