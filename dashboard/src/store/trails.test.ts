import { expect, test } from "vitest";
import { frame, route } from "@/testing/frames";
import { Trails } from "./trails";

const at = (time: number, succeeded: number, failed: number) => {
  const { servers } = route();
  return frame(
    time,
    route({ servers: { ...servers, succeeded: [succeeded, 0], failed: [failed, 0] } }),
  );
};
const A = "http://127.0.0.1:4000";

test("what ended of late is told from what was ever counted", () => {
  const trails = new Trails();
  for (const [time, good, bad] of [
    [0, 100, 1],
    [30, 200, 1],
    [60, 200, 21],
  ] as const) {
    trails.take(at(time, good, bad));
  }
  expect(trails.recent("v4-T1", A, 60, 30)).toEqual({ succeeded: 0, failed: 20, refused: 0 });
  expect(trails.recent("v4-T1", A, 60, 600)).toEqual({ succeeded: 100, failed: 20, refused: 0 });
  expect(trails.shares("v4-T1", A, 60, 4)).toEqual([null, null, 1, 0]);
  expect(trails.succeededSince("v4-T1", A, 31)).toBe(false);
  expect(trails.succeededSince("v4-T1", A, 10)).toBe(true);
});

test("minutes are kept, in bounded space, and a balancer that begins anew is followed", () => {
  const trails = new Trails();
  for (let time = 0; time < 1000; time += 0.5) trails.take(at(time, time, 0));
  expect(trails.recent("v4-T1", A, 999, 1e6).succeeded).toBeLessThan(130);
  trails.take(at(1001, 0, 0));
  trails.take(at(1003, 3, 1));
  expect(trails.recent("v4-T1", A, 1003, 1e6)).toEqual({ succeeded: 3, failed: 1, refused: 0 });
});

test("of a server that nobody knows nothing happened", () => {
  expect(new Trails().shares("x", "y", 10, 2)).toEqual([null, null]);
});
