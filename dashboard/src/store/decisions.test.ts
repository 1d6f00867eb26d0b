import { expect, test } from "vitest";
import type { Decision } from "@/api/types";
import { decision } from "@/testing/frames";
import { DecisionLog, KEPT } from "./decisions";

const told = (log: DecisionLog, ...decisions: Decision[]) =>
  log.take({ servers: ["a", "b"], features: ["length"], decisions });

test("what has not ended is asked for again", () => {
  const log = new DecisionLog();
  expect(log.after).toBe(0);
  told(
    log,
    decision({ cursor: 1 }),
    decision({ cursor: 2, outcome: null }),
    decision({ cursor: 3 }),
  );
  expect(log.after).toBe(1);
  told(log, decision({ cursor: 2, outcome: "failed" }), decision({ cursor: 3 }));
  expect(log.after).toBe(3);
  told(log, decision({ cursor: 4, move: "hold", server: null, outcome: null }));
  expect(log.after).toBe(4);
});

test("attempts stand with their request, the latest request first", () => {
  const log = new DecisionLog();
  told(
    log,
    decision({ cursor: 1, request: 1, attempt: 1 }),
    decision({ cursor: 2, request: 2, attempt: 1 }),
    decision({ cursor: 3, request: 1, attempt: 2 }),
  );
  const order = log.requests().map((each) => [each.request, each.decisions.map((d) => d.attempt)]);
  expect(order).toEqual([
    [1, [1, 2]],
    [2, [1]],
  ]);
});

test("it does not grow with the run", () => {
  const log = new DecisionLog();
  for (let cursor = 1; cursor <= 3 * KEPT; cursor++)
    told(log, decision({ cursor, request: cursor }));
  expect(log.requests()).toHaveLength(KEPT);
  expect(log.requests()[0]?.request).toBe(3 * KEPT);
});
