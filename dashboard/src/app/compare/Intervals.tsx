"use client";

import type { Compared, ComparedCell } from "@/api/types";
import { useDrawn } from "@/charts/picture";
import * as format from "@/lib/format";
import { useWidth } from "@/lib/useWidth";
import { look } from "@/theme/strategies";
import { cellsOf, ends, type Measure, ranked, reach, standing } from "./cells";

export const ROW = 26;
const HEAD = 26;
const FOOT = 26;
const NAMES = 112;
const VALUES = 92;

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
  const [left, right] = [NAMES, width - VALUES];
  const x = (value: number) =>
    left + ((right - left) * (value - range.low)) / (range.high - range.low);
  const ticks = ticksOf(range.low, range.high, Math.max(2, Math.floor((right - left) / 80)));
  return (
    <div ref={box} style={{ height }}>
      <svg
        width={width}
        height={height}
        viewBox={`0 0 ${width} ${height}`}
        role="img"
        aria-label={`${title}: ${cells.map((cell) => said(cell, measure)).join("; ")}`}
        fontSize="11"
        fill="var(--ink-3)"
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
            x={x}
            faded={pointed !== null && pointed !== cell.strategy}
            onPoint={onPoint}
          />
        ))}
      </svg>
    </div>
  );
}

function Row(props: {
  cell: ComparedCell;
  rivals: readonly ComparedCell[];
  measure: Measure;
  top: number;
  width: number;
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
      <text x={32} y={middle + 4} fontSize="12.5" fontWeight={500} fill="var(--ink)">
        {shortened(cell.strategy)}
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

const shortened = (name: string) => (name.length > 12 ? `${name.slice(0, 11)}…` : name);

function said(cell: ComparedCell, measure: Measure): string {
  const estimate = cell[measure];
  const [low, high] = estimate.ci95;
  const sure =
    low === null || high === null
      ? ""
      : `, 95 % between ${format.number(low, 1)} and ${format.number(high, 1)}`;
  return `${cell.strategy} ${format.number(estimate.mean, 1)}${sure}`;
}

/** Round numbers between two values, about so many. */
function ticksOf(low: number, high: number, many: number): number[] {
  const raw = (high - low) / many;
  const unit = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((times) => times * unit).find((each) => each >= raw)!;
  const first = Math.ceil(low / step);
  return Array.from(
    { length: Math.floor(high / step) - first + 1 },
    (_, at) => (first + at) * step,
  );
}
