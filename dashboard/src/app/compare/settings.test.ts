import { expect, test } from "vitest";
import type { Sweep } from "@/api/types";
import { comparedCell as cell } from "@/testing/compared";
import { axisOf, curveOver, reachOf, rivalsOf, settingsOf } from "./settings";

const score = (strategy: string, mean: number | null, half = 1) =>
  cell({
    strategy,
    score: { mean, ci95: mean === null ? [null, null] : [mean - half, mean + half] },
  });

const sweep: Sweep = {
  family: "v6",
  strategies: ["v6:cooldown=5", "v6", "v6:cooldown=0.2"],
  parameters: { cooldown: [5, 1, 0.2] },
};
const cells = [score("v6:cooldown=5", 90), score("v6", 95), score("v6:cooldown=0.2", null)];

test("what is known of a sweep, in the order of its values", () => {
  const found = settingsOf(sweep, cells, "score");
  expect(found.map(({ cell, values }) => [cell.strategy, values.cooldown])).toEqual([
    ["v6", 1],
    ["v6:cooldown=5", 5],
  ]);
  const [low, high] = reachOf(found, "score");
  expect(low).toBeLessThan(89);
  expect(high).toBeGreaterThan(96);
});

test("a curve needs numbers of one parameter", () => {
  expect(curveOver(sweep)).toBe("cooldown");
  expect(curveOver({ ...sweep, parameters: { fallback: ["a", "b", "c"] } })).toBeNull();
  expect(curveOver({ ...sweep, parameters: { a: [1, 2, 3], b: [1, 1, 2] } })).toBeNull();
});

test("values far apart stand by their factors, words in their order", () => {
  expect([0.1, 1, 10].map(axisOf([0.1, 1, 10], [0, 200], 40).at).map(Math.round)).toEqual([
    0, 100, 200,
  ]);
  expect([1, 2, 3].map(axisOf([1, 2, 3], [0, 200], 40).at)).toEqual([0, 100, 200]);
  const words = axisOf(["b", "a"], [0, 100], 40);
  expect(words.ticks).toEqual([
    { at: 25, text: "b" },
    { at: 75, text: "a" },
  ]);
  expect(axisOf([2, 2], [0, 100], 40).at(2)).toBe(50);
});

test("beside it stand the best others, unless they are far away", () => {
  const others = [score("cascade", 96), score("v4", 94), score("v1", 93), score("random", 20)];
  const found = rivalsOf(sweep, [...cells, ...others], "score", [88, 97]);
  expect(found.map((each) => each.strategy)).toEqual(["cascade", "v4"]);
  expect(rivalsOf(sweep, [others[3]!], "score", [88, 97])).toEqual([]);
});
