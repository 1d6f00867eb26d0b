import { expect, test } from "vitest";
import { linear, logarithmic } from "./scale";

test("equal steps have equal room, and round numbers", () => {
  const scale = linear([0.1, 0.9], [100, 500]);
  expect(scale.at(0.5)).toBeCloseTo(300);
  expect(scale.ticks).toEqual([0.2, 0.4, 0.6, 0.8]);
  expect(linear([0, 10], [200, 0]).at(10)).toBe(0);
});

test("equal factors have equal room, and as many numbers as there is room for", () => {
  const scale = logarithmic([0.1, 1000], [0, 400]);
  expect([0.1, 1, 10, 1000].map((value) => Math.round(scale.at(value)))).toEqual([
    0, 100, 200, 400,
  ]);
  expect(scale.ticks).toEqual([0.1, 1, 10, 100, 1000]);
  expect(logarithmic([0.3, 7], [0, 400]).ticks).toEqual([0.5, 1, 2, 5]);
});
