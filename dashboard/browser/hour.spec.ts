/**
 * Sixty routes for an hour: recorded frames of a real race, sent faster than they happened. What a
 * frame costs is measured in the processor time of the page's process, so that a busy machine does
 * not count against it.
 */
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { CDPSession } from "@playwright/test";
import type { Frame, RouteFrame } from "../src/api/types";
import { expect, test } from "./stage";

const ROUTES = 60;
const FRAMES = Number(process.env.FLB_FRAMES ?? 120); // after an hour that the balancer remembers
const PAST = 590; // samples of that hour, about as many as the page keeps
const WARM = 8; // frames until nothing is done for the first time
const START = 1e9; // seconds
const EVERY = 500; // milliseconds between two frames of the real stream
const MOST = 0.3; // of one core
const WHO = { boot: "hour", session: null, kind: "serve", data: null, runs: {} };

/** The frames of a race, again and again, with its routes copied. */
function* hour(recorded: Frame[]): Generator<Frame> {
  for (let index = 0; index < WARM + FRAMES; index++) {
    const { routes } = recorded[index % recorded.length]!;
    const copies = Array.from({ length: ROUTES }, (_, copy) => {
      const route = routes[copy % routes.length]!;
      const scenario = `T${1 + (copy % 3)}`;
      return {
        ...route,
        route: `route-${copy}`,
        scenario,
        regret: Math.round(route.regret ?? 0) + copy,
      };
    });
    yield { time: START + 6 * index, routes: copies };
  }
}

/** What the page is told of the hour before it was opened. */
function past(recorded: Frame[]): string {
  const time = Array.from({ length: PAST }, (_, index) => START - 6 * (PAST - index));
  const routes = hour(recorded)
    .next()
    .value!.routes.map((route: RouteFrame) => {
      const { p50, p99 } = route.latency_ms;
      const columns = Object.entries({ ...route, p50, p99 }).map(([key, value]) => [
        key,
        typeof value === "number" ? time.map(() => value) : value,
      ]);
      return { ...Object.fromEntries(columns), time };
    });
  return JSON.stringify({ ...WHO, routes });
}

/** Passes everything on to a balancer, but has a stream of its own. */
async function fake(admin: string, history: string) {
  const streams: ServerResponse[] = [];
  const server = createServer(async (request, answer) => {
    if (request.url === "/api/events") {
      answer.writeHead(200, { "Content-Type": "text/event-stream" });
      answer.write(`id: hour-0\nevent: connected\ndata: ${JSON.stringify(WHO)}\n\n`);
      streams.push(answer);
    } else if (request.url?.startsWith("/api/history")) {
      answer.end(history);
    } else {
      const passed = await fetch(admin + request.url);
      const type = passed.headers.get("content-type") ?? "text/plain";
      answer.writeHead(passed.status, { "Content-Type": type });
      answer.end(Buffer.from(await passed.arrayBuffer()));
    }
  });
  await new Promise<void>((ready) => server.listen(0, "127.0.0.1", ready));
  const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const send = (id: number, frame: Frame) => {
    for (const each of streams) {
      each.write(`id: hour-${id}\nevent: metrics\ndata: ${JSON.stringify(frame)}\n\n`);
    }
  };
  return { address, send, end: () => server.close().closeAllConnections() };
}

async function measured(devtools: CDPSession): Promise<Record<string, number>> {
  await devtools.send("HeapProfiler.collectGarbage");
  const { metrics } = await devtools.send("Performance.getMetrics");
  return Object.fromEntries(metrics.map(({ name, value }) => [name, value]));
}

test("sixty routes for an hour take little, and no more in the end than when the charts were full", async ({
  page,
  race,
}) => {
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
  await page.goto(balancer.address);
  await expect(page.getByText("Connected")).toBeVisible();
  await play(WARM);
  await expect(page.getByText(`${ROUTES} routes: `)).toBeVisible();
  const full = await measured(devtools);
  await play(FRAMES);
  const end = await measured(devtools);

  const perFrame = (1000 * (end.ThreadTime! - full.ThreadTime!)) / FRAMES;
  console.log(
    `${perFrame.toFixed(1)} ms of processor time per frame of ${ROUTES} routes;`,
    `${(full.JSHeapUsedSize! / 1e6).toFixed(1)} MB when full,`,
    `${(end.JSHeapUsedSize! / 1e6).toFixed(1)} in the end; ${full.Nodes} and ${end.Nodes} nodes`,
  );
  expect(perFrame / EVERY).toBeLessThan(MOST);
  expect(end.JSHeapUsedSize! / full.JSHeapUsedSize!).toBeLessThan(1.15);
  expect(end.Nodes! / full.Nodes!).toBeLessThan(1.05);
  balancer.end();
});
