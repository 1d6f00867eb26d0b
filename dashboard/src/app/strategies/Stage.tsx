"use client";

import clsx from "clsx";
import { useEffect, useId, useRef, useState } from "react";
import { post } from "@/api/client";
import type { Played, StrategyRow } from "@/api/types";
import { useApi } from "@/api/useApi";
import { ChartPanel } from "@/charts/ChartPanel";
import { Button } from "@/components/Button";
import { Failed, Loading } from "@/components/Note";
import * as format from "@/lib/format";
import { Ridges } from "./Ridges";
import { readSpec, writeSpec } from "./spec";
import { letter, type Step } from "./story";

const SIGNS: Record<string, { sign: string; tone: string }> = {
  succeeded: { sign: "✓", tone: "text-good" },
  failed: { sign: "✗", tone: "text-bad" },
  "rate-limited": { sign: "⊘", tone: "text-warn" },
};

/** One strategy, playing the story by the real code: its picture, its last round, its numbers. */
export function Stage(props: {
  spec: string;
  row: StrategyRow | undefined;
  rates: readonly number[];
  limits: readonly (number | null)[];
  limiter: string;
  steps: readonly Step[];
  seed: number;
  onSpec: (spec: string) => void;
  onRemove: (() => void) | undefined;
  onReady: (stage: string, ready: boolean) => void;
}) {
  const { spec, rates, limits, limiter, steps, seed, onReady } = props;
  const asked = { strategy: spec, servers: rates.length, story: steps, seed, limits, limiter };
  const found = useApi((signal) => post<Played>("/api/play", asked, signal), [asked], {
    lasting: true,
  });
  const played = useLast(found.data, rates.length);
  const settled = found.status !== "loading";
  const id = useId();
  useEffect(() => {
    onReady(id, settled);
    return () => onReady(id, true);
  }, [onReady, id, settled]);
  const title = `${spec} chooses`;
  return (
    <ChartPanel
      title={spec}
      hint={<span className="block xl:min-h-9">{props.row?.summary}</span>}
      actions={
        props.onRemove && (
          <Button onClick={props.onRemove} aria-label={`Remove ${spec}`}>
            ✕
          </Button>
        )
      }
    >
      {found.status === "error" && <Failed error={found.error} again={found.reload} />}
      {played === null ? (
        found.status === "loading" && <Loading what="what it chooses" />
      ) : (
        <Scene title={title} spec={spec} played={played} rates={rates} />
      )}
      <Parameters spec={spec} row={props.row} onSpec={props.onSpec} />
    </ChartPanel>
  );
}

/** What was there last, while the next answer is on its way: pictures do not flicker. */
function useLast(data: Played | undefined, servers: number): Played | null {
  const last = useRef<Played | null>(null);
  if (data !== undefined) last.current = data;
  return last.current?.density.length === servers ? last.current : null;
}

function Scene(props: { title: string; spec: string; played: Played; rates: readonly number[] }) {
  const { title, spec, played, rates } = props;
  const { moves } = played;
  const [picked, pick] = useState<number | null>(null);
  // biome-ignore lint/correctness/useExhaustiveDependencies: another round has other attempts
  useEffect(() => pick(null), [moves]);
  const move = moves[picked ?? moves.length - 1] ?? null;
  return (
    <>
      <Ridges title={title} strategy={spec} played={played} rates={rates} move={move} />
      <div className="mt-1 min-h-14">
        <p className="eyebrow mb-1">{roundOf(played)}</p>
        <ol className="flex flex-wrap gap-1" aria-label={`Attempts of the last round of ${spec}`}>
          {moves.map((each, at) => (
            <li key={each.attempt}>
              <button
                type="button"
                aria-pressed={each === move}
                onClick={() => pick(at)}
                title={`Attempt ${each.attempt}: ${letter(each.server)} ${each.outcome}`}
                aria-label={`Attempt ${each.attempt}: ${letter(each.server)} ${each.outcome}`}
                className={clsx(
                  "num flex h-6 items-center gap-1 rounded-md border px-1.5 text-xs",
                  each === move ? "border-line-strong bg-sunken" : "border-line",
                )}
              >
                <span className="text-ink-3">{each.attempt}</span>
                {letter(each.server)}
                <span className={SIGNS[each.outcome]?.tone}>{SIGNS[each.outcome]?.sign}</span>
              </button>
            </li>
          ))}
        </ol>
      </div>
      <Numbers played={played} />
    </>
  );
}

/** What the attempts below are those of. */
function roundOf({ moves, played }: Played): string {
  if (played.requests === 0) return "No round yet";
  return moves.length > 0 ? "Last round" : "Last round: given up without an attempt";
}

function Numbers({ played }: { played: Played }) {
  const { requests, delivered, paid_attempts, effort, score } = played.played;
  const all = [
    ["Rounds", format.number(requests)],
    ["Delivered", format.number(delivered)],
    ["Att./req.", format.number(effort, 2)],
    ["Refused", format.number(played.observed["rate-limited"]?.reduce((a, b) => a + b, 0))],
    ["Paid", format.number(paid_attempts)],
    ["Score", format.score(score)],
  ];
  return (
    <dl className="mt-2 flex flex-wrap justify-between gap-x-4 gap-y-1 border-line border-t pt-2">
      {all.map(([name, value]) => (
        <div key={name}>
          <dt className="text-[11px] text-ink-3">{name}</dt>
          <dd className="num">{value}</dd>
        </div>
      ))}
    </dl>
  );
}

/** Its hyperparameters; another value makes another strategy. */
function Parameters(props: {
  spec: string;
  row: StrategyRow | undefined;
  onSpec: (spec: string) => void;
}) {
  const { spec, row, onSpec } = props;
  const { name, asked } = readSpec(spec);
  const all = Object.entries(row?.parameters ?? {});
  if (all.length === 0) return null;
  const set = (key: string, value: string) =>
    onSpec(writeSpec({ name, asked: { ...asked, [key]: value.trim() } }, row));
  return (
    <details className="mt-2 text-xs">
      <summary className="cursor-pointer py-1 text-ink-2 hover:text-ink">
        {format.count(all.length, "parameter")}
      </summary>
      <div className="grid grid-cols-2 gap-2 pt-1">
        {all.map(([key, value]) => (
          <label key={key} className="min-w-0 text-ink-3">
            <span className="block truncate">{key}</span>
            <input
              key={asked[key] ?? "default"}
              defaultValue={asked[key] ?? String(value)}
              onBlur={(event) => set(key, event.target.value)}
              onKeyDown={(event) => event.key === "Enter" && event.currentTarget.blur()}
              className="num h-7 w-full rounded-md border border-line-strong bg-surface px-2 text-ink"
            />
          </label>
        ))}
      </div>
    </details>
  );
}
