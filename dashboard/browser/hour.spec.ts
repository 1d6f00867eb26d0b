/**
 * Sixty routes for an hour: recorded frames of a real race, sent faster than they happened. What a
 * frame costs is measured in the processor time of the page's process, so that a busy machine does
 * not count against it. What it leaves behind is the slope of the heap after collections of
 * garbage, not one reading against another: now and then one catches a frame that is being drawn.
 */
import type { CDPSession, Page } from "@playwright/test";
import type { Frame } from "../src/api/types";
import { expect, test } from "./stage";
import { EVERY, fake, hour, past, ROUTES } from "./stream";

const FRAMES = Number(process.env.FLB_FRAMES ?? 120);
const WARM = 40; // frames until hardly anything is done, compiled or made room for the first time
const READINGS = 12;
const MOST = 0.3; // of one core
const LEFT = { bytes: 8000, nodes: 0.2 }; // by a frame, at most; kept whole, it leaves 90 kB

interface Reading {
  frame: number;
  /** Milliseconds of processor time a frame, since the last reading. */
  cost: number;
  bytes: number;
  nodes: number;
}

async function metrics(devtools: CDPSession): Promise<Record<string, number>> {
  const { metrics } = await devtools.send("Performance.getMetrics");
  return Object.fromEntries(metrics.map(({ name, value }) => [name, value]));
}

/** The median of the slopes between any two readings (Theil and Sen): one that is off is no matter. */
function slope(readings: Reading[], of: "bytes" | "nodes"): number {
  const slopes = readings.flatMap((one, index) =>
    readings.slice(index + 1).map((two) => (two[of] - one[of]) / (two.frame - one.frame)),
  );
  return slopes.toSorted((a, b) => a - b)[slopes.length >> 1]!;
}

const longestLine = (page: Page) =>
  page.locator("svg path").evaluateAll((all) => {
    return Math.max(...all.map((each) => each.getAttribute("d")!.split("L").length));
  });

test("sixty routes for an hour take little, and a frame leaves nothing behind", {
  tag: "@slow",
}, async ({ page, race }) => {
  test.setTimeout(60_000 + 500 * FRAMES);
  await race.result();
  const rows = await (await fetch(`${race.admin}/api/runs`)).json();
  const { run } = rows.find(({ route }: { route: string }) => route === "v6-T2");
  const recorded = (await (await fetch(`${race.admin}/api/runs/${run}/frames`)).json()) as Frame[];
  const frames = hour(recorded);
  const balancer = await fake(race.admin, past(recorded));
  const devtools = await page.context().newCDPSession(page);
  await devtools.send("Performance.enable", { timeDomain: "threadTicks" });

  let sent = 0;
  const play = async (many: number) => {
    for (let count = 0; count < many; count++) {
      const frame = frames.next().value as Frame;
      balancer.send(++sent, frame);
      // The next one when this one is on the screen, as it would be in its half second.
      await page.evaluate(() => new Promise(requestAnimationFrame));
    }
  };
  const measured = async (many: number): Promise<Reading> => {
    const before = await metrics(devtools);
    await play(many);
    const { ThreadTime: end } = await metrics(devtools);
    await page.evaluate(() => new Promise((done) => setTimeout(done, 200)));
    await devtools.send("HeapProfiler.collectGarbage");
    const { JSHeapUsedSize: bytes, Nodes: nodes } = await metrics(devtools);
    const cost = (1000 * (end! - before.ThreadTime!)) / many;
    return { frame: sent, cost, bytes: bytes!, nodes: nodes! };
  };
  await page.goto(balancer.address);
  await expect(page.getByText("Connected")).toBeVisible();
  await play(4); // in the first ones, no request had come
  await expect(page.getByText(`${ROUTES} routes: `)).toBeVisible();
  await expect.poll(() => longestLine(page), "the hour before is shown").toBeGreaterThan(500);
  await play(WARM);

  const readings: Reading[] = [];
  for (let index = 0; index < READINGS; index++) {
    readings.push(await measured(Math.ceil(FRAMES / READINGS)));
  }
  const cost = readings.reduce((sum, each) => sum + each.cost, 0) / READINGS;
  const left = { bytes: slope(readings, "bytes"), nodes: slope(readings, "nodes") };
  const heap = readings.map(({ bytes }) => (bytes / 1e6).toFixed(1)).join(" ");
  console.log(
    `${cost.toFixed(1)} ms of processor time per frame of ${ROUTES} routes;`,
    `${left.bytes.toFixed(0)} bytes and ${left.nodes.toFixed(2)} of ${readings[0]!.nodes} nodes left`,
    `by each, with ${heap} MB at times`,
  );
  expect(cost / (1000 * EVERY)).toBeLessThan(MOST);
  expect(left.bytes).toBeLessThan(LEFT.bytes);
  expect(left.nodes).toBeLessThan(LEFT.nodes);
  balancer.end();
});
