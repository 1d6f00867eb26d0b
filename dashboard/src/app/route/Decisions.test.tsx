// @vitest-environment jsdom
import { render, screen, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { beforeEach, expect, test } from "vitest";
import { serverRows } from "@/route/servers";
import type { Deliberation } from "@/store/decisions";
import { decision, route } from "@/testing/frames";
import { Decisions } from "./Decisions";

const rows = serverRows(route(), 0);
const [first, second] = rows.map((row) => row.server) as [string, string];

const delivered: Deliberation = {
  request: 1,
  id: "a".repeat(24),
  decisions: [decision({ cursor: 1, server: first })],
};
const again: Deliberation = {
  request: 2,
  id: "b".repeat(24),
  decisions: [
    decision({ cursor: 2, server: first, outcome: "rate-limited" }),
    decision({ cursor: 3, server: second, attempt: 2 }),
  ],
};
const lost: Deliberation = {
  request: 3,
  id: "c".repeat(24),
  decisions: [
    decision({ cursor: 4, server: second, outcome: "failed" }),
    decision({ cursor: 5, move: "give-up", server: null, index: null, outcome: null }),
  ],
};

const shown = () => within(screen.getByRole("list", { name: /newest first/ }));
const buttons = () =>
  shown()
    .queryAllByRole("button")
    .map((each) => each.textContent?.trim());

beforeEach(() => window.history.replaceState(null, "", "/"));

test("each attempt with its server and what came of it", () => {
  render(<Decisions requests={[lost, again, delivered]} rows={rows} />);
  expect(buttons()).toEqual([
    ":4001 failed",
    "gave up",
    ":4000 refused",
    ":4001 succeeded",
    ":4000 succeeded",
  ]);
});

test("those that were tried again, or given up, can be looked at alone", async () => {
  render(<Decisions requests={[lost, again, delivered]} rows={rows} />);
  await userEvent.click(screen.getByRole("radio", { name: "Tried again" }));
  expect(buttons()).toHaveLength(4);
  await userEvent.click(screen.getByRole("radio", { name: "Given up" }));
  expect(buttons()).toEqual([":4001 failed", "gave up"]);
  expect(window.location.search).toBe("?feed=lost");
});

test("the newest decision is explained, until another one is picked", async () => {
  const { rerender } = render(<Decisions requests={[delivered]} rows={rows} />);
  expect(screen.getByRole("heading", { name: /Why :4000\?/ })).toBeTruthy();
  rerender(<Decisions requests={[again, delivered]} rows={rows} />);
  expect(screen.getByRole("heading", { name: /Why :4001\?/ })).toBeTruthy();
  await userEvent.click(screen.getByRole("button", { name: ":4000 refused" }));
  rerender(<Decisions requests={[lost, again, delivered]} rows={rows} />);
  expect(screen.getByRole("heading", { name: /Why :4000\?/ })).toBeTruthy();
  expect(screen.getByText("picked")).toBeTruthy();
});

test("a pause holds what is shown", async () => {
  const { rerender } = render(<Decisions requests={[delivered]} rows={rows} />);
  await userEvent.click(screen.getByRole("button", { name: "Pause" }));
  rerender(<Decisions requests={[again, delivered]} rows={rows} />);
  expect(buttons()).toHaveLength(1);
  await userEvent.click(screen.getByRole("button", { name: "Go on" }));
  expect(buttons()).toHaveLength(3);
});
