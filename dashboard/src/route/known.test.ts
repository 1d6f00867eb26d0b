import { expect, test } from "vitest";
import { bandsOf, type Known, troubles, truthAt } from "./known";

const SERVERS = ["http://127.0.0.1:4000", "http://127.0.0.1:4001"];
const known: Known = {
  truth: [0.9, 0.5],
  pieces: {
    from: [100, 105, 109],
    success: [
      [0.9, 0.5],
      [0, 0.5],
      [0.9, 0.5],
    ],
  },
  faults: [
    { servers: [0], from: 105, to: 109, kind: "down" },
    { servers: [1], from: 200, to: null, kind: "slow" },
  ],
};

test("the truth is that of the moment", () => {
  expect(truthAt(known, 104)).toEqual([0.9, 0.5]);
  expect(truthAt(known, 105)).toEqual([0, 0.5]);
  expect(truthAt(known, 300)).toEqual([0.9, 0.5]);
  expect(truthAt(known, 50)).toEqual([0.9, 0.5]);
  expect(truthAt({ ...known, pieces: null }, 105)).toEqual([0.9, 0.5]);
});

test("faults are bands from when they begin, and those that go on end now", () => {
  expect(bandsOf(known, SERVERS, 100, 107)).toEqual([{ from: 5, to: 7, name: ":4000 down" }]);
  expect(bandsOf(known, SERVERS, 0, 210)).toEqual([
    { from: 105, to: 109, name: ":4000 down" },
    { from: 200, to: 210, name: ":4001 slow" },
  ]);
  expect(troubles(known, SERVERS, 107)).toEqual([":4000: down"]);
  expect(troubles(known, SERVERS, 150)).toEqual([]);
});
