import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Refused, Unreachable } from "@/api/client";
import type { Connected, Frame, Histories } from "@/api/types";
import { connected, frame, history, route } from "@/testing/frames";
import { LiveStore, REFILL, RETRIES, SILENCE } from "./live";
import type { StreamEvent } from "./sse";

/** A balancer whose stream is what the test says. */
class Stage {
  connections: { lastId: string | null; event: (event: StreamEvent) => void; end: () => void }[] =
    [];
  histories = new Map<string, Histories>();
  recorded = new Map<number, Frame[]>();
  asked: string[] = [];
  /** How many of the next questions about the past fail, and how. */
  failing: Error[] = [];
  boot = "aaaa";
  store = new LiveStore({
    read: (_, { lastId, event, heard, signal }) =>
      new Promise((resolve, reject) => {
        signal.addEventListener("abort", () => reject(new Error("aborted")));
        const tell = (each: StreamEvent) => {
          heard();
          event(each);
        };
        this.connections.push({ lastId, event: tell, end: resolve });
      }),
    history: async (after) => {
      this.asked.push(`history after ${after}`);
      this.fail();
      return this.histories.get(this.boot) ?? history(this.boot, []);
    },
    shares: async (name) => {
      this.asked.push(`shares of ${name}`);
      this.fail();
      const { routes } = this.histories.get(this.boot)!;
      const share = routes[0]!.time.map(() => [0.5, 0.5]);
      return { ...routes[0]!, servers: ["a", "b"], share, limits: share.map(() => [null, null]) };
    },
    recorded: async (run, after) => {
      this.asked.push(`run ${run} after ${after}`);
      this.fail();
      return (this.recorded.get(run) ?? []).filter((each) => each.time > after);
    },
  });
  stop = this.store.subscribe(() => undefined);

  fail() {
    const error = this.failing.shift();
    if (error !== undefined) throw error;
  }
  get connection() {
    return this.connections.at(-1)!;
  }
  meet(values: Partial<Connected> = {}, seen = 0) {
    const who = connected(values);
    this.boot = who.boot;
    this.connection.event({
      id: `${who.boot}-${seen}`,
      kind: "connected",
      data: JSON.stringify(who),
    });
  }
  send(number: number, time: number, score = time) {
    const data = JSON.stringify(frame(time, route({ score })));
    this.connection.event({ id: `${this.boot}-${number}`, kind: "metrics", data });
  }
  scores() {
    return this.store.view().series.get("v4-T1")?.columns.score;
  }
}

let stage: Stage;
const settle = () => vi.advanceTimersByTimeAsync(0);

beforeEach(() => {
  vi.useFakeTimers();
  stage = new Stage();
});
afterEach(() => {
  stage.stop();
  vi.useRealTimers();
});

test("first what was before, then frames as they come", async () => {
  stage.histories.set("aaaa", history("aaaa", [1, 2]));
  expect(stage.store.view().phase).toBe("connecting");
  stage.meet();
  stage.send(1, 3);
  stage.send(2, 4);
  await settle();
  expect(stage.store.view().phase).toBe("live");
  expect(stage.store.view().frame?.time).toBe(4);
  expect(stage.scores()).toEqual([1, 2, 3, 4]);
});

test("a stream that ends is lost, and taken up again from the last event", async () => {
  stage.meet();
  stage.send(1, 1);
  stage.connection.end();
  await settle();
  expect(stage.store.view().phase).toBe("lost");
  expect(stage.store.view().retryAt).toBe(Date.now() + RETRIES[0]!);
  expect(stage.store.view().frame?.time).toBe(1);
  await vi.advanceTimersByTimeAsync(RETRIES[0]!);
  expect(stage.connections).toHaveLength(2);
  expect(stage.connection.lastId).toBe("aaaa-1");
  stage.meet({}, 1);
  stage.send(2, 2);
  await settle();
  expect(stage.store.view().phase).toBe("live");
  expect(stage.store.view().lostAt).toBeNull();
  expect(stage.scores()).toEqual([1, 2]);
  expect(stage.asked).toEqual(["history after 0"]);
});

test("attempts come at longer and longer intervals, for ever", async () => {
  for (const wait of [...RETRIES, RETRIES.at(-1)!, RETRIES.at(-1)!]) {
    const before = stage.connections.length;
    stage.connection.end();
    await vi.advanceTimersByTimeAsync(wait - 1);
    expect(stage.connections).toHaveLength(before);
    await vi.advanceTimersByTimeAsync(1);
    expect(stage.connections).toHaveLength(before + 1);
  }
});

test("silence means that the connection is gone", async () => {
  stage.meet();
  await vi.advanceTimersByTimeAsync(SILENCE - 1);
  expect(stage.store.view().phase).toBe("live");
  await vi.advanceTimersByTimeAsync(1);
  expect(stage.store.view().phase).toBe("lost");
});

test("frames that were missed are asked for", async () => {
  stage.meet();
  stage.send(1, 1);
  await settle();
  stage.histories.set("aaaa", history("aaaa", [1, 2, 3]));
  stage.send(70, 4);
  await settle();
  expect(stage.asked).toEqual(["history after 0", "history after 1"]);
  expect(stage.scores()).toEqual([1, 2, 3, 4]);
});

test("a frame that comes late finds its place and is not shown as the newest", async () => {
  stage.meet();
  stage.send(1, 1);
  stage.send(3, 3);
  stage.send(2, 2);
  await settle();
  expect(stage.store.view().frame?.time).toBe(3);
  expect(stage.scores()).toEqual([1, 2, 3]);
});

test("after a restart the records fill the gap, with a hole where nothing ran", async () => {
  stage.meet();
  stage.send(1, 1);
  stage.connection.end();
  await vi.advanceTimersByTimeAsync(RETRIES[0]!);
  stage.recorded.set(
    1,
    [1, 2, 3].map((time) => frame(time, route({ score: time }))),
  );
  stage.histories.set("bbbb", history("bbbb", [10, 11]));
  stage.meet({ boot: "bbbb", runs: { "v4-T1": 2 } });
  stage.send(1, 12);
  await settle();
  expect(stage.asked).toContain("run 1 after 1");
  expect(stage.scores()).toEqual([1, 2, 3, null, 10, 11, 12]);
  expect(stage.store.view().restarts).toEqual([10]);
});

test("another session is another race: nothing of the last one stays", async () => {
  stage.meet({ kind: "harness" });
  stage.send(1, 1);
  stage.connection.end();
  await vi.advanceTimersByTimeAsync(RETRIES[0]!);
  stage.meet({ boot: "bbbb", kind: "harness", runs: { "v4-T1": 2 } });
  expect(stage.store.view().frame).toBeNull();
  stage.send(1, 12);
  await settle();
  expect(stage.scores()).toEqual([12]);
  expect(stage.asked.filter((each) => each.startsWith("run"))).toEqual([]);
});

test("the choices before now are asked for when somebody wants to see them", async () => {
  stage.histories.set("aaaa", history("aaaa", [1, 2]));
  stage.meet();
  stage.send(1, 3);
  await settle();
  const series = stage.store.view().series.get("v4-T1")!;
  expect(series.share).toEqual([null, null, null]);
  const { version } = series;
  stage.store.recallShares("v4-T1");
  await settle();
  stage.send(2, 4);
  expect(series.share).toEqual([[0.5, 0.5], [0.5, 0.5], null, [0.7, 0.3]]);
  expect(series.time).toEqual([1, 2, 3, 4]);
  expect(series.version).toBeGreaterThan(version);
});

test("nobody watches, nothing is read; somebody comes, it begins again", async () => {
  stage.stop();
  await settle();
  await vi.advanceTimersByTimeAsync(60_000);
  expect(stage.connections).toHaveLength(1);
  stage.stop = stage.store.subscribe(() => undefined);
  expect(stage.connections).toHaveLength(2);
});

test("listeners hear once of all that changed at a time", async () => {
  let heard = 0;
  stage.store.subscribe(() => heard++);
  stage.meet();
  for (let number = 1; number < 20; number++) stage.send(number, number);
  await settle();
  expect(heard).toBeLessThan(4);
});

test("a past that could not be asked for is told to be missing, and asked for again", async () => {
  stage.histories.set("aaaa", history("aaaa", [1, 2]));
  stage.failing = [new Refused(500, "a fault"), new SyntaxError("cut"), new Unreachable()];
  stage.meet();
  stage.send(1, 3);
  await settle();
  expect(stage.store.view().missing).toBe(true);
  expect(stage.scores()).toEqual([3]);
  await vi.advanceTimersByTimeAsync(2 * REFILL);
  expect(stage.store.view().missing).toBe(true);
  await vi.advanceTimersByTimeAsync(REFILL);
  expect(stage.store.view().missing).toBe(false);
  expect(stage.scores()).toEqual([1, 2, 3]);
  await vi.advanceTimersByTimeAsync(5 * REFILL);
  expect(stage.asked).toEqual(Array(4).fill("history after 0"));
});

test("what is gone for good is not asked for again", async () => {
  stage.meet();
  await settle();
  stage.failing = [new Refused(404, "no such route")];
  stage.store.recallShares("v4-T1");
  await vi.advanceTimersByTimeAsync(5 * REFILL);
  expect(stage.store.view().missing).toBe(false);
  expect(stage.asked).toEqual(["history after 0", "shares of v4-T1"]);
});

test("records that fail at first fill the gap all the same", async () => {
  stage.meet();
  stage.send(1, 1);
  stage.connection.end();
  await vi.advanceTimersByTimeAsync(RETRIES[0]!);
  stage.recorded.set(1, [frame(2, route({ score: 2 }))]);
  stage.histories.set("bbbb", history("bbbb", [10]));
  stage.failing = [new Refused(500, "a fault")];
  stage.meet({ boot: "bbbb", runs: { "v4-T1": 2 } });
  await settle();
  expect(stage.store.view().missing).toBe(true);
  await vi.advanceTimersByTimeAsync(REFILL);
  expect(stage.scores()).toEqual([1, 2, null, 10]);
  expect(stage.store.view()).toMatchObject({ missing: false, restarts: [10] });
});

test("a past that the last process never told comes from its records", async () => {
  stage.failing = Array(2).fill(new Refused(500, "a fault"));
  stage.meet();
  stage.send(1, 3);
  await settle();
  stage.connection.end();
  await vi.advanceTimersByTimeAsync(RETRIES[0]!);
  stage.recorded.set(
    1,
    [1, 2, 3, 4].map((time) => frame(time, route({ score: time }))),
  );
  stage.histories.set("bbbb", history("bbbb", [10]));
  stage.meet({ boot: "bbbb", runs: { "v4-T1": 2 } });
  await vi.advanceTimersByTimeAsync(REFILL);
  expect(stage.asked).toContain("run 1 after 0");
  expect(stage.scores()).toEqual([1, 2, 3, 4, null, 10]);
});
