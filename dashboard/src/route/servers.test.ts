import { expect, test } from "vitest";
import { route } from "@/testing/frames";
import { UNKNOWN } from "./known";
import { serverRows, shades } from "./servers";

test("a row for each server, with what is left of its rest", () => {
  const frame = route();
  frame.servers.until = [0, 12.5];
  const rows = serverRows(
    frame,
    12,
    { ...UNKNOWN, truth: [0.9, 0.4] },
    { mean: [0.7, 0.3], capacity: [null, 1.5] },
  );
  expect(rows.map((row) => row.name)).toEqual([":4000", ":4001"]);
  expect(rows.map((row) => row.rests)).toEqual([0, 0.5]);
  expect(rows.map((row) => row.truth)).toEqual([0.9, 0.4]);
  expect(rows[1]).toMatchObject({ mean: 0.33, low: 0.05, share: 0.3, failed: 3 });
  expect(rows.map((row) => row.beliefs)).toEqual([{ capacity: null }, { capacity: 1.5 }]);
});

test("a rest that is over is none", () => {
  const frame = route();
  frame.servers.until = [0, 11];
  expect(serverRows(frame, 12)[1]?.rests).toBe(0);
});

test("the better a server truly is, the stronger its shade", () => {
  expect(shades(3, [0.2, 0.9, 0.5])).toEqual(["--band-0", "--band-9", "--band-5"]);
  expect(shades(2, null)).toEqual(["--band-0", "--band-9"]);
  expect(shades(1, [0.5])).toEqual(["--band-0"]);
  expect(new Set(shades(10, null)).size).toBe(10);
});
