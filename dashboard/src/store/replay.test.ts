import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { frame, route } from "@/testing/frames";
import { ReplayStore } from "./replay";

/** One frame a second, whose score is its number; the second run begins five seconds later. */
const run = (name: string, from: number, many: number) =>
  Array.from({ length: many }, (_, at) =>
    frame(1000 + from + at, route({ route: name, score: at })),
  );

let store: ReplayStore;
const scores = (name = "a") => store.view().series.get(name)?.columns.score;
const routes = () => store.view().frame?.routes.map((each) => each.route);

beforeEach(() => {
  vi.useFakeTimers();
  const frames = [...run("a", 0, 10), ...run("b", 5, 10)];
  store = new ReplayStore(frames.toSorted((one, other) => one.time - other.time));
});
afterEach(() => {
  store.pause();
  vi.useRealTimers();
});

test("it begins at the first frame, with the routes that were there", () => {
  expect(store.length).toBe(14);
  expect(store.view().phase).toBe("replay");
  expect(store.view().frame?.time).toBe(1000);
  expect(routes()).toEqual(["a"]);
});

test("playing passes the frames in their time, and ends at the end", () => {
  store.play();
  vi.advanceTimersByTime(3200);
  expect(scores()).toEqual([0, 1, 2, 3]);
  vi.advanceTimersByTime(20_000);
  expect(store.clock()).toEqual({ at: 14, playing: false, speed: 1 });
  expect(routes()).toEqual(["a", "b"]);
  expect(scores("b")).toHaveLength(10);
});

test("sixteen times as fast, and from the beginning once it ended", () => {
  store.setSpeed(16);
  store.play();
  vi.advanceTimersByTime(1000);
  expect(store.clock().at).toBe(14);
  store.play();
  expect(store.clock().at).toBe(0);
  expect(scores()).toEqual([0]);
});

test("seeking back forgets what comes later, and comes to the same", () => {
  store.seek(12);
  store.seek(4.5);
  expect(scores()).toEqual([0, 1, 2, 3, 4]);
  expect(scores("b")).toBeUndefined();
  expect(routes()).toEqual(["a"]);
  store.seek(12);
  expect(scores("b")).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
});

test("steps go from frame to frame and stop it", () => {
  store.play();
  store.step(1);
  expect(store.clock()).toMatchObject({ at: 1, playing: false });
  store.step(-1);
  store.step(-1);
  expect(store.clock().at).toBe(0);
});

test("between two frames only the clock is told", () => {
  let [frames, ticks] = [0, 0];
  store.subscribe(() => frames++);
  store.watch(() => ticks++);
  store.play();
  vi.advanceTimersByTime(900);
  expect(frames).toBe(0);
  expect(ticks).toBeGreaterThan(5);
});

test("speeds double and halve within their range", () => {
  for (const _ of [1, 2, 3, 4, 5, 6]) store.shift(1);
  expect(store.clock().speed).toBe(16);
  store.shift(-1);
  expect(store.clock().speed).toBe(8);
  store.setSpeed(3);
  expect(store.clock().speed).toBe(1);
});

test("a run without frames is empty, and does not play", () => {
  const nothing = new ReplayStore([]);
  nothing.play();
  expect(nothing.empty).toBe(true);
  expect(nothing.clock().playing).toBe(false);
});
