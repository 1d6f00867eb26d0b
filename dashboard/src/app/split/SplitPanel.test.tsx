// @vitest-environment jsdom
import { render, screen, within } from "@testing-library/react";
import { expect, test } from "vitest";
import type { Split } from "@/api/types";
import { SplitPanel } from "./SplitPanel";

const arm = (strategy: string, delivered: number, ci95: [number, number]) => ({
  route: `orders~${strategy}`,
  strategy,
  percent: 50,
  requests: 1000,
  delivered,
  success: { mean: delivered / 1000, ci95 },
  latency_ms: { p50: 2, p99: 20 },
});

const SPLIT: Split = {
  route: "orders",
  began: 1000,
  arms: [arm("v4", 900, [0.871, 0.929]), arm("cascade", 990, [0.98, 1])],
  differences: [
    { more: "orders~cascade", less: "orders~v4", success: { mean: 0.09, ci95: [0.06, 0.12] } },
  ],
  verdict: "cascade delivers 9.0 percentage points more than v4 (6.0 to 12.0).",
  method: "Intervals hold.",
};

test("the verdict comes first, then each strategy, the best on top", () => {
  render(<SplitPanel split={SPLIT} />);
  expect(screen.getByRole("status").textContent).toBe(SPLIT.verdict);
  const rows = screen.getAllByRole("row").slice(1);
  expect(rows.map((row) => row.textContent)).toEqual([
    expect.stringContaining("cascade50 %100099.0 % 98.0 to 100.0"),
    expect.stringContaining("v450 %100090.0 % 87.1 to 92.9"),
  ]);
  expect(within(rows[0]!).getByRole("link").getAttribute("href")).toBe(
    "/route?name=orders~cascade",
  );
});

test("of three strategies, every pair is listed", () => {
  const third = {
    more: "orders~v4",
    less: "orders~random",
    success: SPLIT.differences[0]!.success,
  };
  const differences = [...SPLIT.differences, third];
  render(<SplitPanel split={{ ...SPLIT, differences }} />);
  expect(screen.getAllByRole("listitem").map((item) => item.textContent)).toEqual([
    "cascade less v4: 9.0 (6.0 to 12.0) points",
    "v4 less orders~random: 9.0 (6.0 to 12.0) points",
  ]);
});
