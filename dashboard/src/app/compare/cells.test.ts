import { expect, test } from "vitest";
import { comparedCell as cell, compared } from "@/testing/compared";
import { ALL, cellsOf, measureOf, rangeOf, ranked, reach, standing, verdictOf } from "./cells";

const sure = (mean: number, half: number) => ({
  mean,
  ci95: [mean - half, mean + half] as [number, number],
});

test("the best are marked only where the API says that it is no noise", () => {
  const leaders = [cell({ strategy: "v4", group: 1 }), cell({ strategy: "v6", group: 1 })];
  const rest = cell({ strategy: "random", group: 2 });
  const told = cell({ strategy: "oracle", group: 0 });
  expect(standing(leaders[0]!, [...leaders, rest, told])).toBe("among the best");
  expect(standing(leaders[0]!, [leaders[0]!, rest])).toBe("best");
  expect(standing(rest, [...leaders, rest])).toBeNull();
  expect(standing(told, [...leaders, told])).toBe("reference");
  expect(standing(leaders[0]!, [leaders[0]!, told])).toBeNull();
});

test("a single run is never best", () => {
  const runs = [cell({ strategy: "v4", group: null }), cell({ strategy: "v6", group: null })];
  expect(runs.map((run) => standing(run, runs))).toEqual([null, null]);
});

test("all scenarios together, or one of them", () => {
  const made = compared({
    cells: [cell({ scenario: "T1" }), cell({ scenario: "T2" })],
    overall: [cell({ scenario: null })],
    verdicts: [
      { scenario: "T1", verdict: "one" },
      { scenario: null, verdict: "all" },
    ],
  });
  expect(cellsOf(made, ALL).map((each) => each.scenario)).toEqual([null]);
  expect(cellsOf(made, "T2").map((each) => each.scenario)).toEqual(["T2"]);
  expect(cellsOf(made, "T9").map((each) => each.scenario)).toEqual([null]);
  expect(verdictOf(made, ALL)).toBe("all");
  expect(verdictOf(made, "T1")).toBe("one");
});

test("without a bound the score is shown, the highest first", () => {
  const cells = [
    cell({ strategy: "a", regret: { mean: null, ci95: [null, null] }, score: sure(5, 1) }),
    cell({ strategy: "b", regret: { mean: null, ci95: [null, null] }, score: sure(8, 2) }),
  ];
  const made = compared({ cells, overall: [] });
  expect(measureOf([made])).toBe("score");
  expect(ranked(cells, "score").map((each) => each.strategy)).toEqual(["b", "a"]);
  expect(rangeOf([made], ALL, "score")).toEqual({ low: 4, high: 10 });
});

test("two sessions share one scale, from the bound on", () => {
  const one = compared({ cells: [cell({ regret: sure(2, 1) })], overall: [] });
  const two = compared({ cells: [cell({ regret: sure(9, 1) })], overall: [] });
  expect(rangeOf([one, two], ALL, "regret")).toEqual({ low: 0, high: 10 });
  expect(reach(sure(2, 1))).toBe("±1.0");
  expect(reach({ mean: 2, ci95: [null, null] })).toBe("");
});
