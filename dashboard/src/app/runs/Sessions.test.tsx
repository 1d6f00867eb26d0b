// @vitest-environment jsdom
import { fireEvent, render, screen } from "@testing-library/react";
import { afterEach, expect, test, vi } from "vitest";
import type { SessionRow } from "@/api/types";
import { Sessions } from "./Sessions";

afterEach(() => vi.unstubAllGlobals());

test("a session that was deleted meanwhile says so instead of a table of nothing", async () => {
  vi.stubGlobal("fetch", async () => new Response("[]"));
  const session: SessionRow = {
    session: "20260101-000000-abcd",
    kind: "harness",
    started: 1,
    ended: 2,
    state: "finished",
    strategies: ["v4"],
    scenarios: ["T1"],
    runs: 1,
    seed: 0,
    rate: 10,
    name: null,
    note: null,
    tags: [],
    pinned: false,
    valid: null,
    why: [],
    late_ms: null,
    settings: {},
  };
  render(<Sessions sessions={[session]} onChange={() => undefined} />);
  fireEvent.click(screen.getByRole("button", { name: /^Runs of/ }));
  expect(await screen.findByText("Its runs were deleted.")).toBeTruthy();
  expect(screen.getAllByRole("table")).toHaveLength(1);
});
