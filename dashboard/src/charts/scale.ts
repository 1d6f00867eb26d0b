/** Where numbers stand on an axis of an SVG, and which of them are written there. */

export type Ends = readonly [number, number];

export interface Scale {
  /** In pixels. */
  at: (value: number) => number;
  ticks: readonly number[];
}

const NICE = [1, 2, 5];

/** From one number to a higher one in equal steps; a text at an axis has `room` pixels. */
export function linear([low, high]: Ends, [from, to]: Ends, room = 80): Scale {
  const at = (value: number) => from + ((to - from) * (value - low)) / (high - low);
  return { at, ticks: steps(low, high, Math.max(2, Math.floor(Math.abs(to - from) / room))) };
}

/** From one number above 0 to a higher one, by equal factors. */
export function logarithmic([low, high]: Ends, [from, to]: Ends, room = 34): Scale {
  const reach = Math.log(high / low);
  const at = (value: number) => from + ((to - from) * Math.log(value / low)) / reach;
  return { at, ticks: factors(low, high, Math.abs(to - from) / room) };
}

/** Round numbers between two, about so many. */
export function steps(low: number, high: number, many: number): number[] {
  const raw = (high - low) / many;
  const unit = 10 ** Math.floor(Math.log10(raw));
  const step = [...NICE, 10].map((times) => times * unit).find((each) => each >= raw)!;
  const first = Math.ceil(low / step);
  const count = Math.floor(high / step) - first + 1;
  // 3 * 0.1 is not 0.3: what is written is as exact as the step.
  const digits = Math.max(0, -Math.floor(Math.log10(step)));
  return Array.from({ length: count }, (_, at) => Number(((first + at) * step).toFixed(digits)));
}

/** 1, 2, 5, 10 ... as many as there is room for, else the powers of ten. */
function factors(low: number, high: number, most: number): number[] {
  const powers = [Math.floor(Math.log10(low)), Math.ceil(Math.log10(high))] as const;
  const all: number[] = [];
  for (let power = powers[0]; power <= powers[1]; power++)
    all.push(...NICE.map((nice) => Number(`${nice}e${power}`)));
  const inside = all.filter((value) => value >= low && value <= high);
  const tens = inside.filter((value) => Number.isInteger(Math.log10(value)));
  return inside.length < most || tens.length < 2 ? inside : tens;
}
