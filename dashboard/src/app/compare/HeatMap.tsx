"use client";

import type { Compared } from "@/api/types";
import { Drawing } from "@/charts/Drawing";
import { useDrawn } from "@/charts/picture";
import * as format from "@/lib/format";
import { useWidth } from "@/lib/useWidth";
import { cellsOf, type Measure, ranked, standing } from "./cells";
import { ROW } from "./Intervals";

const HEAD = 26;
const FOOT = 6;
const LETTER = 7.2; // pixels of a letter, more or less
const NAMES = 96; // pixels of the names at least, and at most this share of the width:
const SHARE = 0.4;
const INK = 0.6; // of the strongest cell, so that its number can still be read

/** Strategies by scenarios: the stronger the colour, the further behind the bound. */
export function HeatMap(props: {
  title: string;
  compared: Compared;
  scenario: string;
  measure: Measure;
  /** The value of the strongest cell, shared by what is compared. */
  most: number;
  pointed: string | null;
  onPoint: (strategy: string | null) => void;
}) {
  const { title, compared, scenario, measure, most, pointed, onPoint } = props;
  const [box, width] = useWidth<HTMLDivElement>(400);
  useDrawn(title, box);
  const names = ranked(cellsOf(compared, scenario), measure).map((cell) => cell.strategy);
  const { scenarios, cells } = compared;
  const height = HEAD + ROW * names.length + FOOT;
  const longest = Math.max(...names.map((name) => name.length));
  const left = Math.max(NAMES, Math.min(SHARE * width, LETTER * longest + 8));
  const wide = (width - left) / Math.max(1, scenarios.length);
  return (
    <Drawing
      box={box}
      width={width}
      height={height}
      label={`${title}. The table below has the same numbers.`}
    >
      {scenarios.map((name, column) => (
        <text key={name} x={left + wide * (column + 0.5)} y={HEAD - 11} textAnchor="middle">
          {fitted(name, wide)}
        </text>
      ))}
      {names.map((strategy, row) => (
        <g
          key={strategy}
          opacity={pointed !== null && pointed !== strategy ? 0.35 : 1}
          onPointerEnter={() => onPoint(strategy)}
          onPointerLeave={() => onPoint(null)}
        >
          <text x={0} y={HEAD + ROW * (row + 0.5) + 4} fontSize="12.5" fill="var(--ink)">
            {fitted(strategy, left - 8)}
          </text>
          {scenarios.map((name, column) => {
            const cell = cells.find((c) => c.strategy === strategy && c.scenario === name);
            const value = cell?.[measure].mean ?? null;
            const rivals = cells.filter((each) => each.scenario === name);
            const best = cell && standing(cell, rivals)?.includes("best");
            return (
              <g key={name}>
                <rect
                  x={left + wide * column + 1}
                  y={HEAD + ROW * row + 1}
                  width={wide - 2}
                  height={ROW - 2}
                  rx={3}
                  fill={value === null ? "var(--sunken)" : "var(--hue-0)"}
                  fillOpacity={value === null ? 1 : shade(value, most, measure)}
                  stroke={best ? "var(--good)" : "none"}
                  strokeWidth={1.5}
                />
                <text
                  x={left + wide * (column + 0.5)}
                  y={HEAD + ROW * (row + 0.5) + 4}
                  textAnchor="middle"
                  fontSize="12"
                  fill="var(--ink)"
                >
                  {format.number(value, 1)}
                </text>
              </g>
            );
          })}
        </g>
      ))}
    </Drawing>
  );
}

/** Differences near the bound matter most: the root sets them apart. Scores: the higher, the weaker. */
function shade(value: number, most: number, measure: Measure): number {
  const share = Math.min(1, Math.max(0, value / (most || 1)));
  return 0.04 + INK * (measure === "regret" ? Math.sqrt(share) : 1 - share);
}

const fitted = (name: string, width: number) => {
  const room = Math.max(3, Math.floor(width / LETTER));
  return name.length > room ? `${name.slice(0, room - 1)}…` : name;
};
