// @vitest-environment jsdom
import { render, screen } from "@testing-library/react";
import { expect, test } from "vitest";
import { type Column, sorting, Table } from "./Table";

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
