import { expect, test } from "vitest";
import { density, POINTS } from "./density";

const mean = (values: number[]) =>
  values.reduce((sum, each, at) => sum + (each * (at + 0.5)) / POINTS, 0) / POINTS;

test("nothing counted says nothing", () => {
  for (const each of density(0, 0)) expect(each).toBeCloseTo(1);
});

test("counts move it, and many make it narrow", () => {
  expect(mean(density(8, 2))).toBeCloseTo(9 / 12, 3);
  expect(mean(density(80_000, 20_000))).toBeCloseTo(0.8, 2);
  expect(Math.max(...density(80, 20))).toBeGreaterThan(Math.max(...density(8, 2)));
});
