"use client";

import { useCallback, useEffect, useRef, useState } from "react";
import { get } from "@/api/client";
import type { StrategyRow } from "@/api/types";
import { useApi } from "@/api/useApi";
import { Button } from "@/components/Button";
import { Choice } from "@/components/Choice";
import { Disconnected } from "@/components/Connection";
import { Failed, Loading } from "@/components/Note";
import { Panel } from "@/components/Panel";
import { list, useUrlState } from "@/lib/url";
import { Catalogue } from "./Catalogue";
import { Fleet } from "./Fleet";
import { Stage } from "./Stage";
import { readSpec } from "./spec";
import {
  fitting,
  letter,
  limits,
  luck,
  MOST,
  type Outcome,
  rates,
  type Step,
  story,
} from "./story";
import { STEPS, Tour } from "./Tour";

const DEFAULTS = {
  play: "",
  rates: "70-40-55",
  limits: "",
  limiter: "token-bucket",
  story: "",
  seed: "0",
  sort: "",
  tour: "",
};
const LIMITERS = [
  { value: "token-bucket", name: "Buckets" },
  { value: "fixed-window", name: "Windows" },
];
const FIRST = ["v4", "v2", "cascade", "v6"]; // Thompson, UCB, and what knows limits
const AT_ONCE = 3;
const PACE = 500; // milliseconds between rounds of autoplay
const SERVERS = { least: 2, most: 6 };

/** What each strategy is, and a playground where one sees how they choose. */
export function Strategies() {
  const catalogue = useApi((signal) => get("/api/strategies", {}, signal), []);
  return (
    <>
      <h1 className="sr-only">Strategies</h1>
      <Disconnected />
      {catalogue.status === "error" && <Failed error={catalogue.error} again={catalogue.reload} />}
      {catalogue.data === undefined ? (
        catalogue.status === "loading" && <Loading what="the catalogue" />
      ) : (
        <Playground catalogue={catalogue.data} />
      )}
    </>
  );
}

function Playground({ catalogue }: { catalogue: readonly StrategyRow[] }) {
  const [asked, ask] = useUrlState(DEFAULTS);
  const known = new Map(catalogue.map((row) => [row.name, row]));
  const first = FIRST.filter((name) => known.has(name)).slice(0, AT_ONCE);
  const playing = asked.play === "" ? first : list.read(asked.play);
  const truth = rates.read(asked.rates).slice(0, SERVERS.most);
  const limit = limits.read(asked.limits, truth.length);
  const steps = fitting(story.read(asked.story), truth.length);
  const full = steps.length >= MOST;

  const play = (names: readonly string[]) =>
    ask({ play: names.join() === first.join() ? "" : list.write(names) });
  const toggle = (name: string) =>
    play(
      playing.some((spec) => readSpec(spec).name === name)
        ? playing.filter((spec) => readSpec(spec).name !== name)
        : [...playing, name].slice(-AT_ONCE),
    );
  const add = (...more: Step[]) => ask({ story: story.write([...steps, ...more].slice(0, MOST)) });
  const round = () => add({ rates: truth });
  const resize = (many: number) => {
    const next = [...truth, 0.5].slice(0, many);
    ask({ rates: rates.write(next), story: "", limits: limits.write(limit.slice(0, many)) });
  };

  const [waiting, settle] = useSettled();
  const [auto, setAuto] = useAutoplay(round, waiting, full);
  const rate = (server: number, value: number) =>
    ask({ rates: rates.write(truth.map((old, at) => (at === server ? value : old))) });
  const bound = (server: number, value: number | null) =>
    ask({ limits: limits.write(limit.map((old, at) => (at === server ? value : old))) });
  const tour = Number(asked.tour) || 0;
  const visit = (step: number) => ask({ tour: String(step), ...STEPS[step - 1]?.setting });
  const tell = (server: number, outcome: Outcome) => add({ server, outcome });

  return (
    <>
      <Tour at={tour} onStep={visit} onEnd={() => ask({ tour: "" })} />
      <Panel
        className="mb-4"
        title="Playground"
        actions={
          <>
            <Choice
              label="Kind of limit"
              value={asked.limiter}
              options={LIMITERS}
              onChange={(limiter) => ask({ limiter })}
            />
            {tour === 0 && <Button onClick={() => visit(1)}>Take the tour</Button>}
          </>
        }
        hint="Give each server a true success rate and, if you like, a limit; the strategies know neither. One round is one request, tried until it is delivered or given up; ten come each second. The rounds are played by the strategies’ own code."
      >
        <Fleet rates={truth} limits={limit} onRate={rate} onLimit={bound} onTell={tell} />
        <div className="mt-4 flex flex-wrap items-center gap-1.5 border-line border-t pt-3">
          <Button onClick={round} disabled={full || auto}>
            One round
          </Button>
          <Button
            onClick={() => add(...Array<Step>(10).fill({ rates: truth }))}
            disabled={full || auto}
          >
            Ten rounds
          </Button>
          <Button onClick={() => setAuto(!auto)} aria-pressed={auto} disabled={full}>
            {auto ? "Pause" : "Autoplay"}
          </Button>
          <Button onClick={() => ask({ story: "" })} disabled={steps.length === 0}>
            Reset
          </Button>
          <Button
            onClick={() => ask({ seed: String(luck(asked.seed) + 1) })}
            title="The same story with other luck"
          >
            Other luck
          </Button>
          <span className="ml-auto flex gap-1.5">
            <Button
              onClick={() => resize(truth.length - 1)}
              disabled={truth.length <= SERVERS.least}
            >
              Remove {letter(truth.length - 1)}
            </Button>
            <Button
              onClick={() => resize(truth.length + 1)}
              disabled={truth.length >= SERVERS.most}
            >
              Add a server
            </Button>
          </span>
        </div>
        {full && (
          <p role="status" className="mt-2 text-ink-2 text-xs">
            {MOST} steps are as many as this page plays. Reset begins again.
          </p>
        )}
      </Panel>
      <Key />
      <div className="mb-4 grid gap-4 md:grid-cols-2 xl:grid-cols-3">
        {playing.map((spec, at) => (
          <Stage
            // biome-ignore lint/suspicious/noArrayIndexKey: another spec in the same place is the same stage
            key={at}
            spec={spec}
            row={known.get(readSpec(spec).name)}
            rates={truth}
            limits={limit}
            limiter={asked.limiter}
            steps={steps}
            seed={luck(asked.seed)}
            onSpec={(other) => play(playing.with(at, other))}
            onRemove={playing.length > 1 ? () => play(playing.toSpliced(at, 1)) : undefined}
            onReady={settle}
          />
        ))}
      </div>
      <Catalogue
        rows={catalogue}
        playing={playing.map((spec) => readSpec(spec).name)}
        onPlay={toggle}
        sort={asked.sort}
        onSort={(sort) => ask({ sort })}
      />
    </>
  );
}

/** How to read the pictures. */
function Key() {
  return (
    <ul className="mb-2 flex flex-wrap gap-x-5 gap-y-1 text-ink-2 text-xs [&_li]:flex [&_li]:items-center [&_li]:gap-1.5 [&_svg]:shrink-0">
      <li>
        <svg width="22" height="12" aria-hidden="true">
          <path d="M0 11C8 11 8 2 11 2s3 9 11 9" fill="var(--sunken)" stroke="var(--ink-2)" />
        </svg>
        what the outcomes say of the rate (Beta)
      </li>
      <li>
        <svg width="22" height="12" aria-hidden="true">
          <path d="M1 6h20" stroke="var(--ink-2)" strokeWidth="3" />
          <circle cx="11" cy="6" r="3.5" fill="var(--ink-2)" />
        </svg>
        what the strategy believes, 95 %
      </li>
      <li>
        <svg width="14" height="14" aria-hidden="true">
          <path
            d="M7 1l6 6l-6 6l-6-6z"
            fill="var(--surface)"
            stroke="var(--ink-2)"
            strokeWidth="1.5"
          />
        </svg>
        its index when it chose: the highest eligible wins
      </li>
      <li>
        <svg width="4" height="14" aria-hidden="true">
          <path d="M2 0v14" stroke="var(--ink)" strokeDasharray="2 3" />
        </svg>
        the true rate
      </li>
    </ul>
  );
}

/** Is any stage still waiting for its answer? */
function useSettled(): [() => boolean, (stage: string, ready: boolean) => void] {
  const busy = useRef(new Set<string>());
  const settle = useCallback((stage: string, ready: boolean) => {
    if (ready) busy.current.delete(stage);
    else busy.current.add(stage);
  }, []);
  return [useCallback(() => busy.current.size > 0, []), settle];
}

/** One round after the other, as fast as they are answered and not faster than one can follow. */
function useAutoplay(
  round: () => void,
  waiting: () => boolean,
  full: boolean,
): [boolean, (on: boolean) => void] {
  const [auto, setAuto] = useState(false);
  const latest = useRef(round);
  latest.current = round;
  useEffect(() => {
    if (full) setAuto(false);
    if (!auto || full) return;
    const timer = setInterval(() => !waiting() && latest.current(), PACE);
    return () => clearInterval(timer);
  }, [auto, full, waiting]);
  return [auto, setAuto];
}
