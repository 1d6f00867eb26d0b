import { expect, test } from "vitest";
import { Parser, type StreamEvent } from "./sse";

function parsed(...pieces: string[]): StreamEvent[] {
  const events: StreamEvent[] = [];
  const parser = new Parser((event) => events.push(event));
  for (const piece of pieces) parser.feed(piece);
  return events;
}

test("an event has an id, a kind and data", () => {
  expect(parsed('id: a-1\nevent: metrics\ndata: {"time":1}\n\n')).toEqual([
    { id: "a-1", kind: "metrics", data: '{"time":1}' },
  ]);
});

test("it does not matter where the stream was cut", () => {
  const whole =
    "id: a-1\r\nevent: metrics\r\ndata: one\r\n\r\nid: a-2\nevent: heartbeat\ndata: two\n\n";
  expect(parsed(...whole)).toEqual(parsed(whole));
  expect(parsed(whole).map((event) => event.id)).toEqual(["a-1", "a-2"]);
});

test("comments and empty events are nothing; data of several lines is one", () => {
  expect(parsed(": ping\n\n", "id: a-3\n\n", "data: x\ndata: y\n\n")).toEqual([
    { id: "a-3", kind: "message", data: "x\ny" },
  ]);
});

test("an event that is not complete is not told", () => {
  expect(parsed("id: a-1\ndata: one\n")).toEqual([]);
});
