import type uPlot from "uplot";
import { expect, test } from "vitest";
import { columns, valueAt } from "./columns";
import type { Line } from "./types";

const line = (values: Partial<Line>): Line => ({
  key: "a",
  label: "a",
  look: { hue: "--hue-0", dash: [] },
  x: [1, 2],
  y: [3, 4],
  ...values,
});

test("both ends of intervals come behind all lines", () => {
  const one = line({ low: [1, 2], high: [5, 6] });
  expect(columns([line({ y: [7, 8] }), one])).toEqual([
    [1, 2],
    [7, 8],
    [3, 4],
    [5, 6],
    [1, 2],
  ]);
});

test("lines with other x are aligned, each with a gap where it has no value", () => {
  const [x, one, other, high, low] = columns([
    line({}),
    line({ x: [2, 3], low: [0, 0], high: [9, 9] }),
  ]);
  expect(x).toEqual([1, 2, 3]);
  expect(one).toEqual([3, 4, undefined]);
  expect([other, high, low]).toEqual([
    [undefined, 3, 4],
    [undefined, 9, 9],
    [undefined, 0, 0],
  ]);
});

test("the x end where the data ends", () => {
  const x = [1, 2, 3, 4];
  const data = columns([
    line({ x, y: [null, 3, null, null] }),
    line({ x, y: [null, null, 4, null] }),
  ]);
  expect(data).toEqual([
    [2, 3],
    [3, null],
    [null, 4],
  ]);
});

test("stacked lines begin where the ones below end, and still say their own values", () => {
  const x = [1, 2, 3];
  const lines = [0.5, 0.25, 0.25].map((share) => line({ x, y: [share, null, share] }));
  const data = columns(lines, true);
  expect(data.slice(1)).toEqual([
    [0.5, null, 0.5],
    [0.75, null, 0.75],
    [1, null, 1],
  ]);
  const plot = { data } as uPlot;
  expect([0, 1, 2].map((at) => valueAt(plot, at, 0, true))).toEqual([0.5, 0.25, 0.25]);
  expect(valueAt(plot, 1, 1, true)).toBeNull();
});
