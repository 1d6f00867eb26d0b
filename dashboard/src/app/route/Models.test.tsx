// @vitest-environment jsdom
import { render, screen } from "@testing-library/react";
import { expect, test } from "vitest";
import { Models, worth } from "./Models";

const row = (server: string, task: string | null, quality: number | null) => ({
  server,
  model: `${server}-1`,
  task,
  attempts: 12,
  answers: 10,
  input_tokens: 2000,
  output_tokens: 12_345,
  usd: 0.0123,
  estimated_usd: server === "local" ? 0.01 : 0,
  quality,
  first_token_ms: { p50: 40, p99: 400 },
  tokens_per_second: 81.4,
});

test("models stand under all tasks and under each, the best quality first", () => {
  const models = [row("local", null, 0.5), row("gpt", null, 0.9), row("local", "code", 0.25)];
  render(<Models route="chat" models={models} money={null} />);
  const rows = screen.getAllByRole("row").slice(1);
  expect(rows.map((each) => each.textContent)).toEqual([
    "All tasks",
    "gpt gpt-110 of 120.90$0.0123200012\u200934540.0 p99 40081",
    expect.stringContaining("local local-110 of 120.50~$0.0123"),
    "code",
    expect.stringContaining("0.25"),
  ]);
});

test("money is told with what a dollar is worth", () => {
  expect(worth({ usd: 20, per: 86_400, left: 4.5, price: 5 })).toBe(
    "$4.50 of $20.00 may still be spent within 24:00:00. A dollar counts as 5.00 of quality.",
  );
  expect(worth({ usd: null, per: null, left: null, price: 0 })).toBe(
    "No budget is set. The strategy is not told to save.",
  );
});
