import { expect, test } from "vitest";
import { frame, route } from "@/testing/frames";
import { played } from "./load";

const a = (time: number) => frame(time, route({ route: "a" }));
const b = (time: number) => frame(time, route({ route: "b" }));

test("a replay ends with the first frame that has the last numbers of the last run", () => {
  const frames = [a(1), b(1.5), a(2), b(2.5), a(3), b(3.5), a(4), b(9)];
  const runs = [
    { route: "a", ended: 2.2 },
    { route: "b", ended: 3.5 },
  ];
  expect(played(frames, runs).map(({ time }) => time)).toEqual([1, 1.5, 2, 2.5, 3, 3.5]);
});

test("a run that goes on, or whose end nobody knows, is replayed in full", () => {
  const frames = [a(1), b(2), a(3)];
  expect(played(frames, [{ route: "a", ended: null }])).toEqual(frames);
});
