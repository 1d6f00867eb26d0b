"use client";

import clsx from "clsx";
import type { RouteFrame, SessionDetail } from "@/api/types";
import { Invalid } from "@/components/Invalid";
import { Swatch } from "@/components/Strategy";
import * as format from "@/lib/format";
import { comparable, gap, type Standing, standings, verdict } from "./leaders";

const SHOWN = 5;

/** What a race came to so far, in a glance: how far it is, who leads and by how much. */
export function RaceHeader(props: {
  routes: readonly RouteFrame[];
  session: SessionDetail | undefined;
  /** Whether what was measured are the strategies. */
  valid: boolean;
  onPoint: (key: string | null) => void;
}) {
  const { routes, session, valid, onPoint } = props;
  const all = standings(routes);
  if (all.length < 2) return null;
  const may = valid && comparable(all, session?.state === "running");
  return (
    <section
      aria-label="How the race stands"
      className="mb-4 rounded-xl border border-line bg-surface px-4 py-3 shadow-panel"
    >
      <Invalid session={session} />
      <Progress routes={routes} session={session} />
      <p className="mt-2 text-[15px]">
        {may
          ? verdict(all, (value) => format.number(value, value < 10 ? 1 : 0))
          : valid
            ? "No ranking yet: the strategies have had different numbers of requests."
            : "No ranking: what was measured is the machine, not the strategies."}
      </p>
      {may && (
        <>
          <Leaders all={all} onPoint={onPoint} />
          <p className="mt-2 text-ink-3 text-xs">
            One run each, so nothing is known of chance: a few points may well be luck.{" "}
            <code className="num">flb compare</code> plays many fleets and says how sure a lead is.
          </p>
        </>
      )}
    </section>
  );
}

function Leaders({
  all,
  onPoint,
}: {
  all: readonly Standing[];
  onPoint: (key: string | null) => void;
}) {
  const first = all.find(({ strategy }) => strategy !== "oracle") ?? all[0]!;
  return (
    <ol className="mt-2 flex flex-wrap gap-1.5" aria-label="The first of all scenarios together">
      {all.slice(0, SHOWN).map((each) => (
        <li
          key={each.key}
          onPointerEnter={() => onPoint(each.key)}
          onPointerLeave={() => onPoint(null)}
          className={clsx(
            "flex items-center gap-2 rounded-md border px-2.5 py-1",
            each === first ? "border-line-strong" : "border-line",
          )}
        >
          <Swatch strategy={each.strategy} />
          <span className="font-medium">{each.key}</span>
          <span className="num text-ink-2 text-xs">
            {each === first
              ? each.regret === null
                ? `${format.score(each.score)} points`
                : `${format.number(each.regret, 1)} behind the bound`
              : `${gap(first, each) < 0 ? "+" : "−"}${format.number(Math.abs(gap(first, each)), 1)}`}
          </span>
        </li>
      ))}
    </ol>
  );
}

/** How many of the requests were sent, and how long the rest takes. */
function Progress(props: { routes: readonly RouteFrame[]; session: SessionDetail | undefined }) {
  const { routes, session } = props;
  const done = routes.reduce((sum, { requests }) => sum + requests, 0);
  const each = Number(session?.settings.requests) || null;
  const planned = each === null ? null : Math.max(done, each * routes.length);
  const over = session !== undefined && session.state !== "running";
  const share = planned === null ? null : over ? 1 : done / planned;
  return (
    <div className="flex flex-wrap items-center gap-x-3 gap-y-1 text-ink-2">
      <span className={clsx("font-medium", over ? "text-ink" : "text-good")}>
        {over ? (session.state === "finished" ? "Finished" : "Interrupted") : "Running"}
      </span>
      {share !== null && (
        <progress
          aria-label="Requests that ended"
          value={share}
          className="h-1.5 min-w-24 max-w-80 grow overflow-hidden rounded-full [&::-moz-progress-bar]:bg-accent [&::-webkit-progress-bar]:bg-sunken [&::-webkit-progress-value]:bg-accent"
        />
      )}
      <span className="num text-xs">
        {format.number(done)}
        {planned !== null && ` of ${format.number(planned)}`} requests
        {!over && planned !== null && left(routes, each!, session)}
      </span>
    </div>
  );
}

/** What the last run still has to send, at the rate at which it sends. */
function left(
  routes: readonly RouteFrame[],
  each: number,
  session: SessionDetail | undefined,
): string {
  const rate = session?.rate ?? null;
  if (rate === null) return "";
  const missing = routes.map(({ requests }) => Math.max(0, each - requests));
  const turns = session?.settings.sequential
    ? missing.reduce((a, b) => a + b, 0)
    : Math.max(...missing);
  return turns === 0 ? "" : ` · ${format.span(Math.ceil(turns / rate))} left`;
}
