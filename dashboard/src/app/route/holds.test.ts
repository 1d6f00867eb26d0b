import { expect, test } from "vitest";
import { decision } from "@/testing/frames";
import { holdsOf, waiting } from "./holds";

const hold = (cursor: number, request: number, time: number, until: number) =>
  decision({ cursor, request, time, until, move: "hold", server: null, outcome: null });

const requests = [
  { request: 3, id: "c", decisions: [hold(5, 3, 2, 2.5)] },
  { request: 2, id: "b", decisions: [hold(3, 2, 1, 4), decision({ cursor: 6, request: 2 })] },
  { request: 1, id: "a", decisions: [decision(), hold(2, 1, 0.5, 0.7), hold(4, 1, 0.7, 0.9)] },
];

test("each hold with what came after it, the first to wake first", () => {
  const found = holdsOf(requests, 10);
  expect(found.map(({ cursor, until, next }) => [cursor, until, next?.cursor ?? null])).toEqual([
    [2, 0.7, 4],
    [4, 0.9, null],
    [5, 2.5, null],
    [3, 4, 6],
  ]);
  expect(waiting(found, 2)).toBe(1);
});

test("of many, the newest", () => {
  expect(holdsOf(requests, 2).map(({ cursor }) => cursor)).toEqual([4, 5]);
});
