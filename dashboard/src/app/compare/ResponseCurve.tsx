"use client";

import type { ComparedCell } from "@/api/types";
import { Drawing } from "@/charts/Drawing";
import { useDrawn } from "@/charts/picture";
import { linear } from "@/charts/scale";
import * as format from "@/lib/format";
import { useWidth } from "@/lib/useWidth";
import { look } from "@/theme/strategies";
import { ends, type Measure, said } from "./cells";
import { axisOf, reachOf, type Setting } from "./settings";

const HEIGHT = 300;
const [LEFT, RIGHT, TOP, BOTTOM] = [52, 92, 12, 44];

/** The measure over one parameter: means, joined, in the band of their 95 % intervals. */
export function ResponseCurve(props: {
  title: string;
  parameter: string;
  settings: readonly Setting[];
  /** The best others: lines across. */
  rivals: readonly ComparedCell[];
  family: string;
  measure: Measure;
  pointed: string | null;
  onPoint: (strategy: string | null) => void;
}) {
  const { title, parameter, settings, rivals, family, measure } = props;
  const [box, width] = useWidth<HTMLDivElement>(560);
  useDrawn(title, box);
  const values = settings.map((each) => each.values[parameter]!);
  const reach = reachOf([...settings, ...rivals.map((cell) => ({ cell, values: {} }))], measure);
  const x = axisOf(values, [LEFT + 8, width - RIGHT], 44);
  const y = linear(reach, [HEIGHT - BOTTOM, TOP], 32);
  const means = settings.map((each, at) =>
    point(x.at(values[at]!), y.at(each.cell[measure].mean!)),
  );
  const edge = (end: 0 | 1) =>
    settings.map((each, at) => point(x.at(values[at]!), y.at(ends(each.cell[measure])[end])));
  return (
    <Drawing
      box={box}
      width={width}
      height={HEIGHT}
      label={`${title}: ${settings.map(({ cell }) => said(cell, measure)).join("; ")}`}
    >
      {y.ticks.map((tick) => (
        <g key={tick}>
          <path d={`M${LEFT} ${y.at(tick)}H${width - RIGHT + 8}`} stroke="var(--line)" />
          <text x={LEFT - 8} y={y.at(tick) + 4} textAnchor="end">
            {format.number(tick, Number.isInteger(tick) ? 0 : 1)}
          </text>
        </g>
      ))}
      {x.ticks.map((tick) => (
        <text key={tick.text} x={tick.at} y={HEIGHT - BOTTOM + 18} textAnchor="middle">
          {tick.text}
        </text>
      ))}
      <text x={(LEFT + width - RIGHT) / 2} y={HEIGHT - 6} textAnchor="middle" fill="var(--ink-2)">
        {parameter}
      </text>
      {rivals.map((cell) => (
        <Across key={cell.strategy} cell={cell} y={y.at(cell[measure].mean!)} width={width} />
      ))}
      <path
        d={`M${edge(0).join("L")}L${edge(1).reverse().join("L")}Z`}
        fill="var(--accent)"
        opacity={0.14}
      />
      <path d={`M${means.join("L")}`} fill="none" stroke="var(--accent)" strokeWidth={2} />
      {settings.map(({ cell }, at) => (
        <Point
          key={cell.strategy}
          {...props}
          cell={cell}
          x={x.at(values[at]!)}
          y={y.at}
          whole={cell.strategy === family}
        />
      ))}
    </Drawing>
  );
}

const point = (x: number, y: number) => `${x.toFixed(1)} ${y.toFixed(1)}`;

function Point(props: {
  cell: ComparedCell;
  measure: Measure;
  x: number;
  y: (value: number) => number;
  /** With nothing but defaults. */
  whole: boolean;
  pointed: string | null;
  onPoint: (strategy: string | null) => void;
}) {
  const { cell, measure, x, y, pointed, onPoint } = props;
  const [low, high] = ends(cell[measure]).map(y) as [number, number];
  const middle = y(cell[measure].mean!);
  const large = pointed === cell.strategy;
  return (
    <g onPointerEnter={() => onPoint(cell.strategy)} onPointerLeave={() => onPoint(null)}>
      <title>{said(cell, measure)}</title>
      <rect x={x - 12} y={TOP} width={24} height={HEIGHT - TOP - BOTTOM} fill="transparent" />
      <path
        d={`M${x} ${low}V${high}M${x - 4} ${low}h8M${x - 4} ${high}h8`}
        stroke="var(--accent)"
        strokeWidth={large ? 2 : 1.25}
      />
      <circle
        cx={x}
        cy={middle}
        r={large ? 6 : 4.5}
        fill={props.whole ? "var(--surface)" : "var(--accent)"}
        stroke="var(--accent)"
        strokeWidth={2}
      />
      {props.whole && (
        <text x={x} y={Math.min(low, high) - 6} textAnchor="middle" fill="var(--ink-2)">
          default
        </text>
      )}
    </g>
  );
}

function Across({ cell, y, width }: { cell: ComparedCell; y: number; width: number }) {
  const { hue } = look(cell.strategy);
  return (
    <g>
      <path
        d={`M${LEFT} ${y}H${width - RIGHT + 8}`}
        stroke={`var(${hue})`}
        strokeWidth={1.5}
        strokeDasharray="6 4"
      />
      <text x={width - RIGHT + 14} y={y + 4} fill="var(--ink-2)">
        {cell.strategy.length > 11 ? `${cell.strategy.slice(0, 10)}…` : cell.strategy}
      </text>
    </g>
  );
}
