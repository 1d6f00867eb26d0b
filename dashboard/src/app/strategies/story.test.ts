import { expect, test } from "vitest";
import { fitting, limits, luck, MOST, rates, type Step, story } from "./story";

const round = (...values: number[]): Step => ({ rates: values });
const told = (server: number, outcome: "succeeded" | "failed" | "rate-limited"): Step => ({
  server,
  outcome,
});

test("a story survives the address, with rates that change on the way", () => {
  const steps = [
    told(0, "succeeded"),
    told(0, "succeeded"),
    round(0.7, 0.4),
    round(0.7, 0.4),
    told(1, "rate-limited"),
    round(0.2, 0.4),
    told(1, "failed"),
    round(0.2, 0.4),
  ];
  const text = story.write(steps);
  expect(text).toBe("0s2.@70-40.r2.1x.@20-40.r.1f.r");
  expect(story.read(text)).toEqual(steps);
});

test("what is no story is none, and a story ends somewhere", () => {
  expect(story.read("")).toEqual([]);
  expect(story.read("hello.99.@.r-1")).toEqual([]);
  expect(story.read("@50.r99999")).toHaveLength(MOST);
});

test("rates stay rates", () => {
  expect(rates.read("70-400-x")).toEqual([0.7, 1, 0]);
  expect(rates.write([0.705, 0])).toBe("71-0");
});

test("steps about other servers are left out", () => {
  const steps = [told(0, "failed"), told(2, "failed"), round(0.5, 0.5), round(0.5, 0.5, 0.5)];
  expect(fitting(steps, 2)).toEqual([told(0, "failed"), round(0.5, 0.5)]);
});

test("luck is a seed that can be played, and goes on to the next", () => {
  expect(["0", "7", "", "x", "-1", "1.5", "1e99", "Infinity"].map(luck)).toEqual([
    0, 7, 0, 0, 0, 0, 0, 0,
  ]);
  expect(luck(String(Number.MAX_SAFE_INTEGER))).toBe(0);
});

test("limits in an address: 0 and what is left out are none", () => {
  expect(limits.read("2-0-5", 4)).toEqual([2, null, 5, null]);
  expect(limits.read("99-x", 2)).toEqual([10, null]);
  expect(limits.write([2, null, 5])).toBe("2-0-5");
  expect(limits.write([null, null])).toBe("");
});
