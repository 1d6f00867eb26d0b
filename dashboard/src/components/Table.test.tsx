// @vitest-environment jsdom
import { render, screen } from "@testing-library/react";
import { expect, test } from "vitest";
import { type Column, sorted, sorting, Table } from "./Table";

type Row = { name: string; score: number };
const columns: Column<Row>[] = [
  { key: "name", title: "Name", value: (row) => row.name },
  { key: "score", title: "Score", value: (row) => row.score, best: "high", figure: true },
];
const rows = [
  { name: "a", score: 1 },
  { name: "b", score: 2 },
];

test.each([
  ["name", "Name↑", "ascending", "a"],
  ["-name", "Name↓", "descending", "b"],
  ["score", "Score↓", "descending", "b"],
  ["-score", "Score↑", "ascending", "a"],
])("sorted by %s, the arrow points where the values go: %s", (by, head, direction, first) => {
  render(
    <Table
      caption="Rows"
      columns={columns}
      rows={rows}
      rowKey={(row) => row.name}
      by={sorting.read(by)}
      onSort={() => undefined}
    />,
  );
  const sorted = screen
    .getAllByRole("columnheader")
    .find((each) => each.hasAttribute("aria-sort"))!;
  expect(sorted.textContent).toBe(head);
  expect(sorted.getAttribute("aria-sort")).toBe(direction);
  expect(screen.getAllByRole("cell")[0]!.textContent).toBe(first);
});

test("rows that tie stay where they are", () => {
  const tied = (scores: number[]) => ["a", "b"].map((name, at) => ({ name, score: scores[at]! }));
  const table = (scores: number[]) => (
    <Table
      caption="Rows"
      columns={columns}
      rows={tied(scores)}
      rowKey={(row) => row.name}
      by={sorting.read("score")}
      onSort={() => undefined}
    />
  );
  const { rerender } = render(table([1, 2]));
  const first = () => screen.getAllByRole("cell")[0]!.textContent;
  expect(first()).toBe("b");
  rerender(table([2, 2]));
  expect(first()).toBe("b");
  rerender(table([2 + 1e-12, 2]));
  expect(first()).toBe("b");
  rerender(table([3, 2]));
  expect(first()).toBe("a");
});

test("numbers in names are numbers", () => {
  const servers = ["10.0.0.10:80", "10.0.0.2:1000", "10.0.0.2:900"].map((name) => ({
    name,
    score: 0,
  }));
  expect(sorted(servers, columns, sorting.read("name")).map(({ name }) => name)).toEqual([
    "10.0.0.2:900",
    "10.0.0.2:1000",
    "10.0.0.10:80",
  ]);
});
