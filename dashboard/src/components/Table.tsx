"use client";

import clsx from "clsx";
import { Fragment, type ReactNode, useEffect, useRef } from "react";
import { downloadCsv } from "@/lib/download";
import { Button } from "./Button";
import { Select } from "./Choice";
import { useGlide } from "./useGlide";

type Value = string | number | boolean | null | undefined;

export interface Column<Row> {
  key: string;
  title: string;
  /** What it means, for those who wonder. */
  hint?: string;
  /** What is sorted by and written to files; its absence means that it is only shown. */
  value?: (row: Row) => Value;
  /** What is shown, if that is something else. */
  cell?: (row: Row) => ReactNode;
  /** Figures stand on the right. */
  figure?: boolean;
  /** The better end, which comes first when it is sorted by: the smallest unless said otherwise. */
  best?: "high" | "low";
  /** Not among the numbers of a row on a phone. */
  wide?: boolean;
  className?: string;
}

export interface Sorting {
  key: string;
  reversed: boolean;
}

/** In an address: `score`, or `-score` for the other way round. */
export const sorting = {
  read: (text: string): Sorting =>
    text.startsWith("-") ? { key: text.slice(1), reversed: true } : { key: text, reversed: false },
  write: ({ key, reversed }: Sorting): string => (reversed ? `-${key}` : key),
};

/** From the largest to the smallest? */
const falls = <Row,>(column: Column<Row>, by: Sorting): boolean =>
  (column.best === "high") !== by.reversed;

/** `:900` comes before `:1000`, and `10.0.0.2` before `10.0.0.10`. */
const ORDER = new Intl.Collator(undefined, { numeric: true });

const SAME = 1e-9; // what numbers differ by that are shown alike

/** The best first, or the last of the alphabet last; what is not known comes at the end; ties stay. */
export function sorted<Row>(rows: readonly Row[], columns: readonly Column<Row>[], by: Sorting) {
  const column = columns.find((each) => each.key === by.key);
  if (column?.value === undefined) return [...rows];
  const value = column.value;
  const sign = falls(column, by) ? -1 : 1;
  return rows.toSorted((a, b) => {
    const [x, y] = [value(a) ?? null, value(b) ?? null];
    if (x === null || y === null) return Number(x === null) - Number(y === null);
    if (typeof x === "string") return sign * ORDER.compare(x, String(y));
    const apart = Number(x) - Number(y);
    return Math.abs(apart) <= SAME * Math.abs(Number(x)) ? 0 : sign * apart;
  });
}

/**
 * A table that can be sorted. On a phone each row is a block: the first column as its title, the
 * others with their names, so that nothing has to be scrolled sideways; between that and a desktop,
 * the table alone is.
 */
export function Table<Row>(props: {
  caption: string;
  columns: readonly Column<Row>[];
  rows: readonly Row[];
  rowKey: (row: Row) => string;
  by: Sorting;
  onSort: (by: Sorting) => void;
  /** Rows of one group stand together under its name. */
  group?: (row: Row) => string;
  /** Shown under a row; null where it is closed. */
  below?: (row: Row) => ReactNode;
  onPoint?: (row: Row | null) => void;
  rowClass?: (row: Row) => string | undefined;
}) {
  const { columns, by, onSort } = props;
  const rows = useSorted(props.rows, columns, by, props.rowKey);
  const groups = props.group ? [...new Set(rows.map(props.group))].toSorted() : [null];
  const press = (key: string) => onSort({ key, reversed: by.key === key && !by.reversed });
  return (
    <>
      <div className="mb-3 sm:hidden">
        <Select
          label="Sort by"
          value={by.key}
          options={columns.filter((c) => c.value).map((c) => ({ value: c.key, name: c.title }))}
          onChange={(key) => onSort({ key, reversed: false })}
        />
      </div>
      {/* The roles are what other displays than a table's would take away. */}
      <div className="sm:-mx-1 sm:overflow-x-auto sm:overflow-y-hidden sm:px-1">
        <table role="table" className="w-full border-collapse max-sm:block">
          <caption className="sr-only">{props.caption}</caption>
          <thead role="rowgroup" className="max-sm:hidden">
            <tr role="row">
              {columns.map((column) => (
                <th
                  role="columnheader"
                  key={column.key}
                  scope="col"
                  title={column.hint}
                  aria-sort={
                    by.key !== column.key
                      ? undefined
                      : falls(column, by)
                        ? "descending"
                        : "ascending"
                  }
                  className={clsx(
                    "border-line border-b px-2 py-1.5 font-normal text-ink-3 text-xs first:pl-0 last:pr-0",
                    column.figure ? "text-right" : "text-left",
                    column.className,
                  )}
                >
                  {column.value ? (
                    <button
                      type="button"
                      onClick={() => press(column.key)}
                      className={clsx(
                        "hover:text-ink",
                        column.title.length < 12 && "whitespace-nowrap",
                      )}
                    >
                      {column.title}
                      <span aria-hidden="true" className="inline-block w-3 text-center">
                        {by.key !== column.key ? "" : falls(column, by) ? "↓" : "↑"}
                      </span>
                    </button>
                  ) : (
                    column.title
                  )}
                </th>
              ))}
            </tr>
          </thead>
          {groups.map((group) => (
            <tbody role="rowgroup" key={group} className="max-sm:block">
              {group !== null && (
                <tr role="row" className="max-sm:block">
                  <th
                    role="rowheader"
                    colSpan={columns.length}
                    scope="rowgroup"
                    className="eyebrow pt-5 pb-1 text-left max-sm:block"
                  >
                    {group}
                  </th>
                </tr>
              )}
              {rows
                .filter((row) => group === null || props.group?.(row) === group)
                .map((row, place) => (
                  <Fragment key={props.rowKey(row)}>
                    <Line {...props} row={row} place={place} />
                    {props.below?.(row)}
                  </Fragment>
                ))}
            </tbody>
          ))}
        </table>
      </div>
    </>
  );
}

/** Sorted; rows that tie stay in the order in which they were shown last. */
function useSorted<Row>(
  rows: readonly Row[],
  columns: readonly Column<Row>[],
  by: Sorting,
  rowKey: (row: Row) => string,
): Row[] {
  const places = useRef<ReadonlyMap<string, number>>(new Map());
  const place = (row: Row) => places.current.get(rowKey(row)) ?? Number.MAX_VALUE;
  const shown = sorted(
    rows.toSorted((a, b) => place(a) - place(b)),
    columns,
    by,
  );
  useEffect(() => {
    places.current = new Map(shown.map((row, at) => [rowKey(row), at]));
  });
  return shown;
}

/** One row of a table; for what is shown below others, too. */
export function Line<Row>(props: {
  columns: readonly Column<Row>[];
  row: Row;
  /** Among the rows of its group. */
  place?: number;
  onPoint?: (row: Row | null) => void;
  rowClass?: (row: Row) => string | undefined;
}) {
  const { columns, row, place = 0, onPoint } = props;
  const element = useRef<HTMLTableRowElement>(null);
  useGlide(element, place);
  return (
    <tr
      ref={element}
      role="row"
      onPointerEnter={onPoint && (() => onPoint(row))}
      onPointerLeave={onPoint && (() => onPoint(null))}
      onFocus={onPoint && (() => onPoint(row))}
      onBlur={onPoint && (() => onPoint(null))}
      className={clsx(
        "relative border-line/70 border-b hover:bg-sunken/60 max-sm:mb-1 max-sm:grid max-sm:grid-cols-4 max-sm:gap-x-3 max-sm:gap-y-1 max-sm:py-2.5",
        props.rowClass?.(row),
      )}
    >
      {columns.map((column, index) => (
        <td
          role="cell"
          key={column.key}
          data-label={column.title}
          className={clsx(
            "px-2 py-1.5 first:pl-0 last:pr-0 max-sm:block max-sm:p-0",
            index === 0
              ? "max-sm:col-span-4"
              : "max-sm:before:block max-sm:before:font-sans max-sm:before:text-[11px] max-sm:before:text-ink-3 max-sm:before:content-[attr(data-label)]",
            column.figure && "num text-right max-sm:text-left",
            column.wide && "max-sm:hidden",
            column.className,
          )}
        >
          {column.cell ? column.cell(row) : String(column.value?.(row) ?? "–")}
        </td>
      ))}
    </tr>
  );
}

/** Writes what the table has, in its order, to a file. */
export function CsvButton<Row>(props: {
  name: string;
  columns: readonly Column<Row>[];
  rows: readonly Row[];
  by: Sorting;
}) {
  const save = () => {
    const columns = props.columns.filter((column) => column.value);
    const rows = sorted(props.rows, props.columns, props.by);
    downloadCsv(`${props.name}.csv`, [
      columns.map((column) => column.key),
      ...rows.map((row) => columns.map((column) => column.value?.(row))),
    ]);
  };
  return (
    <Button onClick={save} disabled={props.rows.length === 0}>
      CSV
    </Button>
  );
}
