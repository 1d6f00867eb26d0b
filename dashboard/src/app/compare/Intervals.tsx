"use client";

import type { Compared, ComparedCell } from "@/api/types";
import { Drawing } from "@/charts/Drawing";
import { useDrawn } from "@/charts/picture";
import { linear } from "@/charts/scale";
import * as format from "@/lib/format";
import { useWidth } from "@/lib/useWidth";
import { look } from "@/theme/strategies";
import { cellsOf, ends, type Measure, ranked, reach, said, standing } from "./cells";

export const ROW = 26;
const HEAD = 26;
const FOOT = 26;
const LETTER = 6.9; // pixels of a letter of a name, more or less
const NAMES = 112; // pixels of the names at least, and at most this share of the width:
const SHARE = 0.4;
const VALUES = 92;
const SWATCH = 32; // pixels of the line before a name

/** One line for each strategy: its mean, and where the true mean is with 95 % confidence. */
export function Intervals(props: {
  title: string;
  compared: Compared;
  scenario: string;
  measure: Measure;
  range: { low: number; high: number };
  pointed: string | null;
  onPoint: (strategy: string | null) => void;
}) {
  const { title, compared, scenario, measure, range, pointed, onPoint } = props;
  const [box, width] = useWidth<HTMLDivElement>(560);
  useDrawn(title, box);
  const cells = ranked(cellsOf(compared, scenario), measure);
  const height = HEAD + ROW * cells.length + FOOT;
  const longest = Math.max(...cells.map((cell) => cell.strategy.length));
  const names = Math.max(NAMES, Math.min(SHARE * width, SWATCH + LETTER * longest + 16));
  const [left, right] = [names, width - VALUES];
  const { at: x, ticks } = linear([range.low, range.high], [left, right]);
  return (
    <Drawing
      box={box}
      width={width}
      height={height}
      label={`${title}: ${cells.map((cell) => said(cell, measure)).join("; ")}`}
    >
      {ticks.map((tick) => (
        <g key={tick}>
          <line x1={x(tick)} x2={x(tick)} y1={HEAD - 6} y2={height - FOOT} stroke="var(--line)" />
          <text x={x(tick)} y={height - 8} textAnchor="middle">
            {format.number(tick, Number.isInteger(tick) ? 0 : 1)}
          </text>
        </g>
      ))}
      {measure === "regret" && (
        <g>
          <line
            x1={x(0)}
            x2={x(0)}
            y1={HEAD - 6}
            y2={height - FOOT}
            stroke="var(--ink)"
            strokeWidth={1.5}
          />
          <text x={x(0)} y={HEAD - 11} textAnchor="middle" fill="var(--ink-2)">
            the bound
          </text>
        </g>
      )}
      {cells.map((cell, at) => (
        <Row
          key={cell.strategy + cell.scenario}
          cell={cell}
          rivals={cells}
          measure={measure}
          top={HEAD + ROW * at}
          width={width}
          letters={Math.floor((names - SWATCH - 12) / LETTER)}
          x={x}
          faded={pointed !== null && pointed !== cell.strategy}
          onPoint={onPoint}
        />
      ))}
    </Drawing>
  );
}

function Row(props: {
  cell: ComparedCell;
  rivals: readonly ComparedCell[];
  measure: Measure;
  top: number;
  width: number;
  /** Of a name, at most. */
  letters: number;
  x: (value: number) => number;
  faded: boolean;
  onPoint: (strategy: string | null) => void;
}) {
  const { cell, measure, top, width, x, faded, onPoint } = props;
  const { hue, dash } = look(cell.strategy);
  const estimate = cell[measure];
  const middle = top + ROW / 2;
  const known = estimate.ci95[0] !== null;
  const [low, high] = ends(estimate);
  const place = standing(cell, props.rivals);
  return (
    <g
      opacity={faded ? 0.3 : 1}
      onPointerEnter={() => onPoint(cell.strategy)}
      onPointerLeave={() => onPoint(null)}
    >
      <title>{said(cell, measure)}</title>
      <rect
        x={0}
        y={top + 1}
        width={width}
        height={ROW - 2}
        rx={5}
        fill={place?.includes("best") ? "var(--good-soft)" : "transparent"}
      />
      <line
        x1={6}
        x2={26}
        y1={middle}
        y2={middle}
        stroke={`var(${hue})`}
        strokeWidth={3}
        strokeDasharray={dash.join(" ")}
      />
      <text x={SWATCH} y={middle + 4} fontSize="12.5" fontWeight={500} fill="var(--ink)">
        {shortened(cell.strategy, props.letters)}
      </text>
      {estimate.mean !== null && (
        <>
          {known && (
            <path
              d={`M${x(low)} ${middle}H${x(high)}M${x(low)} ${middle - 4}v8M${x(high)} ${middle - 4}v8`}
              fill="none"
              stroke={`var(${hue})`}
              strokeWidth={2}
            />
          )}
          <circle
            cx={x(estimate.mean)}
            cy={middle}
            r={4.5}
            fill={known ? `var(${hue})` : "var(--surface)"}
            stroke={`var(${hue})`}
            strokeWidth={2}
          />
        </>
      )}
      <text x={width - 46} y={middle + 4} textAnchor="end" fontSize="12" fill="var(--ink)">
        {format.number(estimate.mean, 1)}
      </text>
      <text x={width - 6} y={middle + 4} textAnchor="end">
        {reach(estimate)}
      </text>
    </g>
  );
}

const shortened = (name: string, letters: number) =>
  name.length > letters ? `${name.slice(0, letters - 1)}…` : name;
