"use client";

import type { Played } from "@/api/types";
import { Drawing } from "@/charts/Drawing";
import { useDrawn } from "@/charts/picture";
import * as format from "@/lib/format";
import { useWidth } from "@/lib/useWidth";
import { look } from "@/theme/strategies";
import { letter } from "./story";

const ROW = 66;
const HEAD = 30;
const FOOT = 22;
const LEAST_PEAK = 4; // density at the top of a row: a flat prior, 1, is a quarter of it

type Move = Played["moves"][number];

/**
 * One ridge for each server: what the outcomes say of its rate, what the strategy believes, and the
 * index by which it chose. The chosen one is lit.
 */
export function Ridges(props: {
  title: string;
  strategy: string;
  played: Played;
  rates: readonly number[];
  move: Move | null;
}) {
  const { title, strategy, played, rates, move } = props;
  const [box, width] = useWidth<HTMLDivElement>(360);
  const height = HEAD + ROW * rates.length + FOOT;
  useDrawn(title, box);
  const inner = { left: 26, right: width - 12 };
  const x = (share: number) => inner.left + share * (inner.right - inner.left);
  const peak = Math.max(LEAST_PEAK, ...played.density.flat());
  return (
    <Drawing
      box={box}
      width={width}
      height={height}
      label={described(strategy, played, rates, move)}
    >
      {[0, 0.25, 0.5, 0.75, 1].map((tick) => (
        <g key={tick}>
          <line x1={x(tick)} x2={x(tick)} y1={HEAD - 14} y2={height - FOOT} stroke="var(--line)" />
          <text x={x(tick)} y={height - 6} textAnchor={anchor(tick)}>
            {format.percent(tick)}
          </text>
        </g>
      ))}
      {rates.map((rate, server) => (
        <Ridge
          // biome-ignore lint/suspicious/noArrayIndexKey: servers are numbered
          key={server}
          server={server}
          rate={rate}
          played={played}
          move={move}
          hue={`var(${look(strategy).hue})`}
          base={HEAD + ROW * (server + 1) - 14}
          x={x}
          peak={peak}
        />
      ))}
    </Drawing>
  );
}

function Ridge(props: {
  server: number;
  rate: number;
  played: Played;
  move: Move | null;
  hue: string;
  base: number;
  x: (share: number) => number;
  peak: number;
}) {
  const { server, rate, played, move, hue, base, x, peak } = props;
  const chosen = move?.server === server;
  const barred = move?.eligible?.[server] === false;
  const [mean, low, high] = ["mean", "low", "high"].map((key) => played.beliefs[key]?.[server]);
  const index = move?.index?.[server];
  const top = (density: number) => base - ((ROW - 22) * density) / peak;
  const curve = played.density[server]!.map(
    (density, at) => `${x(played.grid[at]!).toFixed(1)} ${top(density).toFixed(1)}`,
  );
  return (
    <g>
      {chosen && (
        <rect
          x={1}
          y={base - ROW + 18}
          width={x(1) + 8}
          height={ROW - 4}
          rx={6}
          fill={hue}
          fillOpacity={0.1}
        />
      )}
      <text
        x={8}
        y={base - 4}
        fontSize="13"
        fontWeight={chosen ? 600 : 500}
        fill={barred ? "var(--ink-3)" : "var(--ink)"}
      >
        {letter(server)}
      </text>
      <text x={x(0) + 4} y={base - ROW + 31}>
        {seen(played, server)}
      </text>
      <g opacity={barred ? 0.35 : 1}>
        <path
          d={`M${x(0)} ${base}L${curve.join("L")}L${x(1)} ${base}Z`}
          fill={hue}
          fillOpacity={0.16}
        />
        <path d={`M${curve.join("L")}`} fill="none" stroke={hue} strokeWidth={1.5} />
      </g>
      <line x1={x(0)} x2={x(1)} y1={base} y2={base} stroke="var(--line-strong)" />
      <line
        x1={x(rate)}
        x2={x(rate)}
        y1={base - ROW + 26}
        y2={base}
        stroke="var(--ink)"
        strokeDasharray="2 3"
      />
      {low != null && high != null && (
        <line
          x1={x(clipped(low))}
          x2={x(clipped(high))}
          y1={base + 5}
          y2={base + 5}
          stroke={hue}
          strokeWidth={3}
        />
      )}
      {mean != null && <circle cx={x(clipped(mean))} cy={base + 5} r={3.5} fill={hue} />}
      {index != null && <Index at={index} x={x} base={base} chosen={chosen} hue={hue} />}
      {chosen && (
        <text x={x(1)} y={base - ROW + 31} textAnchor="end" fontWeight={500} fill="var(--ink)">
          chosen
        </text>
      )}
      {barred && (
        <text x={x(1)} y={base - ROW + 31} textAnchor="end">
          not eligible
        </text>
      )}
    </g>
  );
}

/** A diamond where the index is; an arrow where it is beyond what a rate can be. */
function Index(props: {
  at: number;
  x: (share: number) => number;
  base: number;
  chosen: boolean;
  hue: string;
}) {
  const { at, x, base, chosen, hue } = props;
  const place = x(clipped(at));
  const beyond = at > 1 || at < 0;
  const text = format.number(at, 2);
  const right = at > 0.6;
  return (
    <g>
      <path
        d={
          beyond && at > 1
            ? `M${place - 6} ${base - 6}l7 6l-7 6z`
            : `M${place} ${base - 6}l6 6l-6 6l-6-6z`
        }
        fill={chosen ? hue : "var(--surface)"}
        stroke={hue}
        strokeWidth={1.5}
      />
      <text
        x={place + (right ? -10 : 10)}
        y={base - 4}
        textAnchor={right ? "end" : "start"}
        fontWeight={chosen ? 600 : 400}
        fill="var(--ink-2)"
        stroke="var(--surface)"
        strokeWidth={3}
        paintOrder="stroke"
      >
        {text}
      </text>
    </g>
  );
}

/** `9 of 12`, and refusals, if there were any. */
function seen({ observed }: Played, server: number): string {
  const [good, bad, refused] = ["succeeded", "failed", "rate-limited"].map(
    (outcome) => observed[outcome]?.[server] ?? 0,
  ) as [number, number, number];
  if (good + bad + refused === 0) return "never tried";
  return `${good} of ${good + bad} succeeded${refused > 0 ? `, ${refused} refused` : ""}`;
}

const clipped = (share: number) => Math.min(1, Math.max(0, share));
const anchor = (tick: number) => (tick === 0 ? "start" : tick === 1 ? "end" : "middle");

function described(
  strategy: string,
  played: Played,
  rates: readonly number[],
  move: Move | null,
): string {
  const servers = rates.map((rate, server) => {
    const mean = played.beliefs.mean?.[server];
    const believed = mean == null ? "" : `, believed ${format.percent(mean)}`;
    const index = move?.index?.[server];
    const ranked = index == null ? "" : `, index ${format.number(index, 2)}`;
    return `${letter(server)}: true rate ${format.percent(rate)}${believed}${ranked}`;
  });
  const chose = move === null ? "" : `; chosen: ${letter(move.server)}`;
  return `${strategy}. ${servers.join("; ")}${chose}`;
}
