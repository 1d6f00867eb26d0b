import { expect, test } from "vitest";
import { compared, comparedCell } from "@/testing/compared";
import { differences } from "./difference";

const cell = (strategy: string, score: number, half: number | null, requests = 100) =>
  comparedCell({
    strategy,
    score: { mean: score, ci95: half === null ? [null, null] : [score - half, score + half] },
    regret: { mean: 100 - score, ci95: [null, null] },
    requests: { mean: requests },
  });

test("what the other has more of, with the interval of a difference", () => {
  const one = compared({ cells: [cell("v4", 90, 3), cell("v6", 80, 1)] });
  const other = compared({ cells: [cell("v4", 92, 4), cell("v8", 70, 1)] });
  const [only, ...rest] = differences(one, other, "all");
  expect(rest).toEqual([]);
  expect(only).toMatchObject({
    strategy: "v4",
    score: { mean: 2, reach: 5 },
    regret: { mean: -2, reach: null },
    p99: 0,
  });
});

test("scores of different numbers of requests have no difference", () => {
  const one = compared({ cells: [cell("v4", 90, 3)] });
  const other = compared({ cells: [cell("v4", 900, 3, 1000)] });
  expect(differences(one, other, "all")[0]).toMatchObject({ score: null, regret: null });
});
