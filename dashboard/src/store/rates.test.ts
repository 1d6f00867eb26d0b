import { expect, test } from "vitest";
import { route } from "@/testing/frames";
import { added, rateOf, shareOf } from "./rates";
import { Series, sampleOf } from "./series";

function series(...samples: [time: number, requests: number, delivered: number][]): Series {
  const made = new Series();
  for (const [time, requests, delivered] of samples) {
    made.add(time, sampleOf(route({ requests, delivered })));
  }
  return made;
}

const counted = series([100, 0, 0], [101, 10, 10], [102, 20, 15], [103, 40, 15]);

test("a rate is what was added in the seconds before, per second", () => {
  expect(rateOf(counted, "requests", 100, 2)).toEqual({
    x: [0, 1, 2, 3],
    y: [null, 10, 10, 15],
  });
  expect(shareOf(counted, "delivered", "requests", 100, 1).y).toEqual([null, 1, 0.5, 0]);
});

test("what was added of late", () => {
  expect(added(counted, "requests", 103, 2)).toBe(30);
  expect(added(counted, "requests", 163, 60)).toBe(0);
  expect(added(counted, "requests", 103, 1000)).toBe(40);
  expect(added(undefined, "requests", 103, 60)).toBe(0);
});
