// @vitest-environment jsdom
import { render, screen } from "@testing-library/react";
import { expect, test } from "vitest";
import { route } from "@/testing/frames";
import { Alerts, Learning } from "./Learning";

test("a strategy that says nothing of its learning has no numbers of it", () => {
  const { container } = render(<Learning route={route()} now={100} />);
  expect(container.innerHTML).toBe("");
});

test("what a strategy learns, and what it did not hold", () => {
  const values = { exploration: 0.12, width: 0.2, alarms: 3, changed: 88 };
  render(<Learning route={route({ ...values, violations: { share_min: 7 } })} now={100.4} />);
  const shown = screen.getAllByRole("definition").map((each) => each.textContent);
  expect(shown).toEqual(["12 %", "0.20", "3", "12 s ago", "7"]);
  expect(screen.getByText("Violated: share_min")).toBeTruthy();
});

test("alerts are said while they are on", () => {
  const { rerender } = render(<Alerts route={route()} />);
  expect(screen.queryByRole("status")).toBeNull();
  rerender(<Alerts route={route({ alerts: [{ measure: "width", since: 1 }] })} />);
  expect(screen.getByRole("status").textContent).toMatch(/interval width since/);
});
