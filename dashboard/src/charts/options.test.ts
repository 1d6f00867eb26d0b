import { expect, test } from "vitest";
import { measure } from "@/route/measures";
import { texts } from "./options";

const regret = measure("regret").format;

test("ticks say what they are, however near to each other", () => {
  expect(texts([0, 10, 20], regret)).toEqual(["0", "10", "20"]);
  expect(texts([-0.5, 0, 0.5, 1], regret)).toEqual(["−0.5", "0.0", "0.5", "1.0"]);
  expect(texts([-0.02, -0.01, 0], regret)).toEqual(["−0.02", "−0.01", "0.00"]);
  expect(texts([0.25, 0.5, 0.75], regret)).toEqual(["0.25", "0.50", "0.75"]);
  expect(texts([0, 2.5, 5], measure("p99").format)).toEqual(["0.0", "2.5", "5.0"]);
});

test("what rounds to the same is said once", () => {
  const coarse = (value: number) => value.toFixed(0);
  expect(texts([1, 1.25, 1.5, 1.75], coarse)).toEqual(["1", "", "2", ""]);
});
