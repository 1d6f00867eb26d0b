import { expect, test } from "vitest";
import { Trails } from "@/store/trails";
import { frame, route } from "@/testing/frames";
import { serversHealth, verdict } from "./verdict";

const NOW = 1000;
const base = route().servers;
type Servers = typeof base;

function health(before: Partial<Servers>, after: Partial<Servers>) {
  const trails = new Trails();
  const last = route({ scenario: null, servers: { ...base, ...after } });
  trails.take(frame(NOW - 30, route({ servers: { ...base, ...before } })));
  trails.take(frame(NOW, last));
  const servers = serversHealth(last, trails, NOW);
  return { servers, said: verdict([{ route: last, servers }]) };
}

test("nothing is wrong, and the page says so", () => {
  const { said } = health({}, { succeeded: [20, 5] });
  expect(said).toEqual({ tone: "good", text: "Nothing is wrong: 2 servers up." });
});

test("a server whose attempts fail comes first, with why", () => {
  const { servers, said } = health(
    { succeeded: [8, 1], failed: [2, 3] },
    { succeeded: [28, 1], failed: [2, 13], reason: [null, "refused"], reason_time: [0, NOW - 1] },
  );
  expect(servers.map(({ name, state }) => [name, state])).toEqual([
    [":4001", "failing"],
    [":4000", "up"],
  ]);
  expect(said.tone).toBe("bad");
  expect(said.text).toMatch(/^1 of 2 servers in trouble: :4001: connection refused, last at /);
});

test("one that failed last and is left alone since is not well", () => {
  const { servers } = health({}, { reason: [null, "timeout"], reason_time: [0, NOW - 200] });
  expect(servers[0]).toMatchObject({ name: ":4001", state: "failing" });
});

test("a single failure among successes is none of it", () => {
  const { servers } = health(
    { succeeded: [8, 1], failed: [2, 3] },
    { succeeded: [8, 1], failed: [2, 4], reason: [null, "status"], reason_time: [0, NOW - 20] },
  );
  expect(servers.every(({ tone }) => tone === "good")).toBe(true);
});

test("what failed before the page was opened is told from the sums", () => {
  const last = route({
    scenario: null,
    servers: {
      ...base,
      failed: [1, 9],
      succeeded: [9, 1],
      reason: [null, "status"],
      reason_time: [0, NOW - 5],
    },
  });
  const trails = new Trails();
  trails.take(frame(NOW, last));
  const [first, second] = serversHealth(last, trails, NOW);
  expect([first!.name, first!.state, second!.state]).toEqual([":4001", "failing", "up"]);
});

test("limits are no failures, and drained servers no trouble", () => {
  const cooling = health(
    {},
    { state: ["cooling", "up"], until: [NOW + 2.3, 0], succeeded: [9, 2] },
  );
  expect(cooling.servers[0]!.says).toBe("cooling down, 2.3 s more");
  expect(cooling.said).toEqual({
    tone: "warn",
    text: "Nothing fails; 1 of 2 servers is at a limit.",
  });
  const drained = health({}, { state: ["draining", "up"], succeeded: [9, 2] });
  expect(drained.said.text).toBe("Nothing is wrong: 1 server up. 1 server drained.");
});

test("one that failed and gets nothing of all that is sent since is avoided, and not up", () => {
  const failed = {
    failed: [2, 4],
    reason: [null, "status"],
    reason_time: [0, NOW - 25],
    share: [1, 0],
  };
  const { servers, said } = health(
    { succeeded: [8, 1], ...failed },
    { succeeded: [28, 1], ...failed },
  );
  expect(servers.map(({ name, says, tone }) => [name, says, tone])).toEqual([
    [":4001", "avoided", "quiet"],
    [":4000", "up", "good"],
  ]);
  expect(said.tone).toBe("good");
  expect(said.text).toMatch(
    /^Nothing fails now: 1 server up. Avoided since it failed: :4001: answered with an error, last/,
  );
  const few = health({ succeeded: [8, 1], ...failed }, { succeeded: [10, 1], ...failed });
  expect(few.servers.map(({ state }) => state)).toEqual(["up", "up"]);
  const used = { ...failed, share: [0.88, 0.12] }; // before this page was opened
  const before = health({ succeeded: [8, 1], ...used }, { succeeded: [28, 1], ...used });
  expect(before.servers.map(({ state }) => state)).toEqual(["up", "up"]);
});
