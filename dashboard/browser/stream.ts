/**
 * A stream of the test's own: of sixty routes, for example, as a page meets it an hour after the
 * start, which is a real race with its routes copied.
 */
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Frame, RouteFrame } from "../src/api/types";

export const ROUTES = 60;
export const EVERY = 0.5; // seconds between two frames
const START = 1e9; // seconds
const PAST = 590; // samples of the hour before, nearly as many as the page keeps
const STEP = 6; // seconds between two of them
const WHO = { boot: "hour", session: null, kind: "harness", data: null, runs: {} };

/** The frames of a race, again and again, with its routes copied; some overtake others in each. */
export function* hour(recorded: Frame[]): Generator<Frame> {
  for (let index = 0; ; index++) {
    const { routes } = recorded[index % recorded.length]!;
    const copies = Array.from({ length: ROUTES }, (_, copy) => {
      const route = routes[copy % routes.length]!;
      const scenario = `T${1 + (copy % 3)}`;
      return {
        ...route,
        route: `route-${copy}`,
        scenario,
        regret: Math.round(route.regret ?? 0) + copy + (copy % 30 === index % 30 ? 5 : 0),
      };
    });
    yield { time: START + EVERY * index, routes: copies };
  }
}

/** What the page is told of the hour before it was opened. */
export function past(recorded: Frame[]): string {
  const time = Array.from({ length: PAST }, (_, index) => START - STEP * (PAST - index));
  const routes = hour(recorded)
    .next()
    .value!.routes.map((route: RouteFrame) => {
      const { p50, p99 } = route.latency_ms;
      const columns = Object.entries({ ...route, p50, p99 }).map(([key, value]) => [
        key,
        typeof value === "number" || value === null ? time.map(() => value) : value,
      ]);
      return { ...Object.fromEntries(columns), time };
    });
  return JSON.stringify({ ...WHO, routes });
}

/** Passes everything on to a balancer, but has a stream of its own. */
export async function fake(admin: string, history = JSON.stringify({ ...WHO, routes: [] })) {
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
