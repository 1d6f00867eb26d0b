// @vitest-environment jsdom
import { render, screen } from "@testing-library/react";
import { expect, test } from "vitest";
import type { SessionDetail } from "@/api/types";
import { route } from "@/testing/frames";
import { RaceHeader } from "./RaceHeader";

const routes = [
  route({ route: "a", strategy: "v4", regret: 1 }),
  route({ route: "b", strategy: "v6", regret: 9 }),
];
const session = { state: "finished", settings: { requests: 10 }, rate: 10, why: [] };
const shown = (changes: Partial<SessionDetail>) =>
  render(
    <RaceHeader
      routes={routes}
      session={{ ...session, valid: true, ...changes } as SessionDetail}
      valid={changes.valid !== false}
      onPoint={() => undefined}
    />,
  );

test("who leads is said where the machine kept up", () => {
  shown({});
  expect(screen.getByText(/^v4 leads v6 by 8(\.0)? points/)).toBeTruthy();
  expect(screen.queryByRole("alert")).toBeNull();
});

test("nobody is ranked where it did not, and that is said loudly, with why", () => {
  shown({ valid: false, why: ["requests were sent 900 ms late"] });
  expect(screen.getByRole("alert").textContent).toMatch(
    /^INVALID: overloaded.*requests were sent 900 ms late/,
  );
  expect(screen.queryByText(/leads/)).toBeNull();
  expect(screen.queryByRole("list")).toBeNull();
});

test("nor is anybody in the replay of such a race", () => {
  render(
    <RaceHeader routes={routes} session={undefined} valid={false} onPoint={() => undefined} />,
  );
  expect(screen.getByText(/^No ranking:/)).toBeTruthy();
  expect(screen.queryByRole("list")).toBeNull();
});
