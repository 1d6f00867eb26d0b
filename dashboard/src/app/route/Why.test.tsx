// @vitest-environment jsdom
import { render, screen, within } from "@testing-library/react";
import { expect, test } from "vitest";
import type { Decision } from "@/api/types";
import { serverRows } from "@/route/servers";
import { decision, route } from "@/testing/frames";
import { digitsOf, heights, Why } from "./Why";

const rows = serverRows(route(), 0);

function why(...decisions: Decision[]) {
  const last = decisions.at(-1)!;
  render(<Why decision={last} request={{ request: 1, id: "x", decisions }} rows={rows} followed />);
}

test("an index stands as high as it is among the others, an infinite one at the top", () => {
  expect(heights(decision({ index: [1, 0.25] }))).toEqual([1, 0.25]);
  expect(heights(decision({ index: [-4, -2, null] }))).toEqual([0, 1, 1]);
  expect(heights(decision({ index: [0, 0] }))).toEqual([0.5, 0.5]);
  expect(heights(decision({ index: null }))).toEqual([]);
});

test("who was chosen, and who could not be", () => {
  why(
    decision({ cursor: 1, server: "http://127.0.0.1:4000", outcome: "failed" }),
    decision({
      cursor: 2,
      attempt: 2,
      server: "http://127.0.0.1:4001",
      index: [0.9, 0.4],
      eligible: [false, true],
    }),
  );
  expect(screen.getByRole("heading", { name: /Why :4001\?/ })).toBeTruthy();
  const [first, second] = screen.getAllByRole("listitem");
  expect(within(first!).getByText("already tried")).toBeTruthy();
  expect(within(first!).getByText("0.900")).toBeTruthy();
  expect(within(second!).getByText("chosen")).toBeTruthy();
});

test("a server that rests is not eligible, though it was not tried", () => {
  why(decision({ server: "http://127.0.0.1:4001", eligible: [false, true] }));
  expect(screen.getByText("not eligible")).toBeTruthy();
});

test("moves without a server say what they are", () => {
  why(decision({ move: "hold", server: null, until: 1.25, time: 1, index: null, outcome: null }));
  expect(screen.getByRole("heading", { name: /Why hold for 0.25 s\?/ })).toBeTruthy();
  expect(screen.getByText("No server was ranked for it.")).toBeTruthy();
});

test("a strategy without an index says that there is none", () => {
  why(decision({ index: null, eligible: null }));
  expect(screen.getByText(/ranks by no index/)).toBeTruthy();
});

test("indices have as many decimals as tell the highest from the next", () => {
  expect(digitsOf([0.8, 0.3])).toBe(3);
  expect(digitsOf([0.81234, 0.81232, null])).toBe(5);
  expect(digitsOf([0.5, 0.5])).toBe(3);
  expect(digitsOf([1, 1 - 1e-9])).toBe(6);
});

test("of a gateway, what was seen of the request, what it may cost, and what is left", () => {
  const made = decision({
    features: [1, 1, 0, 0.314],
    most_usd: [0.002, 0],
    budget_usd: 4.5,
    price: 1.25,
  });
  const features = ["bias", "task=code", "task=math", "length"];
  const request = { request: 1, id: "x", decisions: [made], features };
  render(<Why decision={made} request={request} rows={rows} followed />);
  const said = screen.getAllByRole("definition").map((each) => each.textContent);
  expect(said).toEqual([
    "task=code, length 0.31",
    ":4000 $0.002000, :4001 $0.00",
    "$4.50",
    "1.250 from the index of the dearest server, 0 of the cheapest",
  ]);
});
