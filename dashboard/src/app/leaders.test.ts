import { expect, test } from "vitest";
import { route } from "@/testing/frames";
import { comparable, standings, verdict } from "./leaders";

const row = (strategy: string, scenario: string, regret: number | null, p99 = 10) =>
  route({
    route: `${strategy}-${scenario}`,
    strategy,
    scenario,
    regret,
    score: 50 - (regret ?? 0),
    latency_ms: { p50: 1, p99 },
  });
const text = (value: number) => String(value);

test("a strategy is as good as the sum of its scenarios, and the best is first", () => {
  const all = standings([
    row("v4", "T1", 1),
    row("v6", "T1", 3),
    row("v4", "T2", 9, 20),
    row("v6", "T2", 2, 40),
  ]);
  expect(all.map(({ key, regret, p99 }) => [key, regret, p99])).toEqual([
    ["v6", 5, 40],
    ["v4", 10, 20],
  ]);
  expect(verdict(all, text)).toBe("v6 leads v4 by 5 points, at a p99 of 40 ms (v4: 20 ms).");
});

test("the oracle leads nobody, and less than a point is no lead", () => {
  const all = standings([row("oracle", "T1", 0), row("v4", "T1", 1), row("v6", "T1", 1.5)]);
  expect(verdict(all, text)).toMatch(/^v4 and v6 are level/);
});

test("scores of different numbers of requests are not compared", () => {
  const few = { ...row("v4", "T1", 1), requests: 79 };
  const many = { ...row("v6", "T1", 1), requests: 167 };
  expect(comparable(standings([few, many]), false)).toBe(false);
  expect(comparable(standings([few, many]), true)).toBe(false);
  const near = { ...row("v4", "T1", 1), requests: 150 };
  expect(comparable(standings([near, many]), false)).toBe(false);
  expect(comparable(standings([near, many]), true)).toBe(true);
  expect(comparable(standings([{ ...near, regret: null }, many]), true)).toBe(false);
  expect(comparable(standings([many, { ...near, requests: 166 }]), false)).toBe(true);
});
