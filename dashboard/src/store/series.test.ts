import { expect, test } from "vitest";
import { route } from "@/testing/frames";
import { FIELDS, lineOf, Series, sampleOf } from "./series";

const sample = (score: number) => ({ ...sampleOf(route()), score });

test("samples are in the order of their times, whenever they come", () => {
  const series = new Series();
  for (const time of [3, 1, 2, 5, 4]) series.add(time, sample(10 * time));
  expect(series.time).toEqual([1, 2, 3, 4, 5]);
  expect(series.columns.score).toEqual([10, 20, 30, 40, 50]);
});

test("a sample that is known is not added again", () => {
  const series = new Series();
  series.add(1, sample(1));
  series.add(1, sample(2));
  expect(series.columns.score).toEqual([1]);
});

test("an hour takes no more room than ten minutes, and first and newest stay", () => {
  const series = new Series(100);
  for (let index = 0; index < 7200; index++) {
    series.add(index / 2, sample(index));
    expect(series.time.length).toBeLessThanOrEqual(100);
    expect(series.columns.score.at(-1)).toBe(index);
  }
  expect(series.time[0]).toBe(0);
  expect(series.time.length).toBeGreaterThan(40);
  for (const field of FIELDS) expect(series.columns[field].length).toBe(series.time.length);
  expect(series.share.length).toBe(series.time.length);
  const steps = series.time.slice(1, -1).map((time, index) => time - series.time[index]!);
  expect(Math.max(...steps)).toBeLessThan(4 * Math.min(...steps));
});

test("a line ends with the last change, and an idle stretch is a hole", () => {
  const series = new Series();
  const counted = (requests: number) => ({ ...sample(requests), requests });
  for (const [time, requests] of [
    [0, 0],
    [1, 5],
    [2, 9],
    [60, 10],
    [61, 12],
    [62, 12],
    [63, 12],
  ]) {
    series.add(time!, counted(requests!));
  }
  const { x, y } = lineOf(series, "requests", 0);
  expect(y).toEqual([0, 5, 9, null, 10, 12]);
  expect(x.filter((_, at) => y[at] !== null)).toEqual([0, 1, 2, 60, 61]);
});

test("a hole survives thinning", () => {
  const series = new Series(20);
  for (let time = 0; time < 10; time++) series.add(time, sample(time));
  series.interrupt(9.5);
  for (let time = 10; time < 400; time++) series.add(time, sample(time));
  expect(series.columns.score.filter((value) => value === null)).toHaveLength(1);
});
