"use client";

import { Drawing } from "@/charts/Drawing";
import { useDrawn } from "@/charts/picture";
import { useWidth } from "@/lib/useWidth";
import { type Measure, said } from "./cells";
import { type Axis, axisOf, type Setting } from "./settings";

const HEIGHT = 320;
const [SIDE, TOP, BOTTOM] = [64, 34, 14];

/** Each strategy a line across its hyperparameters to its measure, the better end of which is up. */
export function Parallel(props: {
  title: string;
  parameters: readonly string[];
  settings: readonly Setting[];
  measure: Measure;
  pointed: string | null;
  onPoint: (strategy: string | null) => void;
}) {
  const { title, parameters, settings, measure, pointed, onPoint } = props;
  const [box, width] = useWidth<HTMLDivElement>(560);
  useDrawn(title, box);
  const axes = axesOf(parameters, settings, measure);
  const gap = (width - 2 * SIDE) / Math.max(1, axes.length - 1);
  const shade = shadesOf(settings, measure);
  const lines = settings
    .map((setting) => ({ ...setting, shade: shade(setting) }))
    .toSorted((a, b) => front(a, pointed) - front(b, pointed));
  return (
    <Drawing
      box={box}
      width={width}
      height={HEIGHT}
      label={`${title}. The table below has the same numbers.`}
    >
      {lines.map(({ cell, values, shade }) => {
        const path = axes
          .map(
            ({ axis, read }, at) =>
              `${SIDE + gap * at} ${axis.at(read({ cell, values })).toFixed(1)}`,
          )
          .join("L");
        const faded = pointed !== null && pointed !== cell.strategy;
        return (
          <g
            key={cell.strategy}
            opacity={faded ? 0.18 : 1}
            onPointerEnter={() => onPoint(cell.strategy)}
            onPointerLeave={() => onPoint(null)}
          >
            <title>{said(cell, measure)}</title>
            <path d={`M${path}`} fill="none" stroke="transparent" strokeWidth={10} />
            <path
              d={`M${path}`}
              fill="none"
              stroke={`var(${shade})`}
              strokeWidth={pointed === cell.strategy ? 3 : 1.75}
              strokeLinejoin="round"
            />
          </g>
        );
      })}
      {axes.map(({ name, axis }, at) => (
        <Upright key={name} name={name} axis={axis} x={SIDE + gap * at} />
      ))}
    </Drawing>
  );
}

interface Column {
  name: string;
  axis: Axis;
  read: (setting: Setting) => Setting["values"][string];
}

function axesOf(
  parameters: readonly string[],
  settings: readonly Setting[],
  measure: Measure,
): Column[] {
  const column = (name: string, read: Column["read"], turned: boolean): Column => {
    const ends = [HEIGHT - BOTTOM, TOP] as const;
    const pixels = turned ? ([ends[1], ends[0]] as const) : ends;
    return { name, read, axis: axisOf(settings.map(read), pixels, 34) };
  };
  return [
    ...parameters.map((name) => column(name, (setting) => setting.values[name] ?? null, false)),
    column(measure, (setting) => setting.cell[measure].mean, measure === "regret"),
  ];
}

/** The better, the stronger. */
function shadesOf(settings: readonly Setting[], measure: Measure) {
  const means = settings.map(({ cell }) => cell[measure].mean!);
  const [low, high] = [Math.min(...means), Math.max(...means)];
  return ({ cell }: Setting) => {
    const share = (cell[measure].mean! - low) / (high - low || 1);
    return `--band-${Math.round(9 * (measure === "regret" ? 1 - share : share))}`;
  };
}

/** What is pointed at is drawn last, before it the better ones. */
const front = ({ cell, shade }: Setting & { shade: string }, pointed: string | null): number =>
  cell.strategy === pointed ? 10 : Number(shade.slice(-1));

function Upright({ name, axis, x }: { name: string; axis: Axis; x: number }) {
  return (
    <g>
      <path d={`M${x} ${TOP}V${HEIGHT - BOTTOM}`} stroke="var(--line-strong)" />
      <text x={x} y={TOP - 16} textAnchor="middle" fontSize="12" fill="var(--ink)">
        {name}
      </text>
      {axis.ticks.map((tick) => (
        <g key={tick.text}>
          <path d={`M${x - 3} ${tick.at}h6`} stroke="var(--line-strong)" />
          <text
            x={x - 7}
            y={tick.at - 5}
            textAnchor="end"
            fill="var(--ink-2)"
            stroke="var(--surface)"
            strokeWidth={4}
            paintOrder="stroke"
          >
            {tick.text}
          </text>
        </g>
      ))}
    </g>
  );
}
