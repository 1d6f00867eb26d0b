"use client";

import Link from "next/link";
import { useEffect, useMemo } from "react";
import type { RunRow } from "@/api/types";
import { useApi } from "@/api/useApi";
import { OriginContext } from "@/charts/picture";
import { Invalid } from "@/components/Invalid";
import { Failed, Loading, Note } from "@/components/Note";
import * as format from "@/lib/format";
import { useUrlState } from "@/lib/url";
import type { Known } from "@/route/known";
import { RouteView } from "@/route/RouteView";
import { SourceContext, useSource } from "@/store/source";
import { originOf } from "../compare/title";
import { Running } from "../Live";
import { useSession } from "../useSession";
import { isRun, type Loaded, load } from "./load";
import { Player } from "./Player";

const DEFAULTS = { at: "", speed: "1" };

/** A run or a whole session as it went, on the charts of the live page. */
export function Replay({ target }: { target: string }) {
  const loaded = useApi<Loaded>((signal) => load(target, signal), [target], { lasting: true });
  const session = useSession(loaded.data?.runs[0]?.session ?? "");
  return (
    <>
      <p className="mb-3 text-ink-2 text-xs">
        <Link href="/runs" className="text-accent underline underline-offset-2">
          Runs
        </Link>
        <span aria-hidden="true"> / </span>
        {loaded.data ? described(target, loaded.data.runs) : target}
        {loaded.data && isRun(target) && (
          <>
            {" · "}
            <Link
              href={`/runs?replay=${loaded.data.runs[0]?.session}`}
              className="text-accent underline underline-offset-2"
            >
              its whole session
            </Link>
          </>
        )}
      </p>
      <Invalid session={session.data} />
      {loaded.status === "error" && <Failed error={loaded.error} again={loaded.reload} />}
      {loaded.status === "loading" && <Loading what="its frames" />}
      {loaded.status === "ready" &&
        (loaded.data.store.empty ? (
          <Empty runs={loaded.data.runs} />
        ) : (
          <Playing target={target} valid={session.data?.valid !== false} {...loaded.data} />
        ))}
    </>
  );
}

function Playing(props: Loaded & { target: string; valid: boolean }) {
  const { store, runs, known } = props;
  const [asked, ask] = useUrlState(DEFAULTS);
  // Only what the address says at first: from then on, the player tells the address.
  // biome-ignore lint/correctness/useExhaustiveDependencies: see above
  useEffect(() => {
    store.setSpeed(Number(asked.speed));
    if (asked.at !== "") store.seek(Number(asked.at) || 0);
    else if (!matchMedia("(prefers-reduced-motion: reduce)").matches) store.play();
    return store.pause;
  }, [store]);
  // Rounded up, so that a frame that was passed is passed again.
  const rest = (at: number, speed: number) =>
    ask({ at: String(Math.ceil(1000 * at) / 1000), speed: String(speed) });
  return (
    <OriginContext value={originOf(runs[0])}>
      <SourceContext value={store}>
        {isRun(props.target) ? (
          <One known={known.get(runs[0]?.scenario ?? null)} />
        ) : (
          <All runs={runs} known={known} valid={props.valid} />
        )}
        <Player store={store} onRest={rest} />
      </SourceContext>
    </OriginContext>
  );
}

/** One run, as its route's own page showed it. */
function One({ known }: { known: Known | undefined }) {
  const route = useSource((view) => view.frame?.routes[0]);
  return route === undefined ? null : <RouteView route={route} known={known} />;
}

/** A session, as a race; each route leads to the replay of its run. */
function All(props: Pick<Loaded, "runs" | "known"> & { valid: boolean }) {
  const { runs, known, valid } = props;
  const view = useSource((all) => all);
  const to = useMemo(() => {
    const numbers = new Map(runs.map(({ route, run }) => [route, run]));
    return (route: string) => `/runs?replay=${numbers.get(route)}`;
  }, [runs]);
  return (
    view.frame && (
      <Running view={view} routes={view.frame.routes} to={to} known={known} valid={valid} />
    )
  );
}

function Empty({ runs }: { runs: readonly RunRow[] }) {
  return (
    <Note title="No frames were recorded of it">
      {runs.length === 0 ? (
        <>
          Simulated sessions are over in a moment of real time: there is nothing to replay.{" "}
          <Link href="/compare">Compare</Link> shows what came of them.
        </>
      ) : (
        <>
          It was too short, or they were deleted to save space. Its attempts may still be there:{" "}
          <a href={`/api/runs/${runs[0]?.run}/attempts.csv`}>as CSV</a>.
        </>
      )}
    </Note>
  );
}

function described(target: string, runs: readonly RunRow[]): string {
  const [first] = runs;
  if (first === undefined) return target;
  const when = format.moment(first.started);
  const seed = first.seed === null ? "" : `, seed ${first.seed}`;
  return isRun(target)
    ? `run ${target}: ${first.strategy} on ${first.scenario ?? first.path}, ${when}${seed}`
    : `all ${format.count(runs.length, "run")} of ${when}${seed}`;
}
