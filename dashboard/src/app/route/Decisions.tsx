"use client";

import { useState } from "react";
import { Button } from "@/components/Button";
import { Choice } from "@/components/Choice";
import { Panel } from "@/components/Panel";
import * as format from "@/lib/format";
import { useUrlState } from "@/lib/url";
import type { ServerRow } from "@/route/servers";
import type { Deliberation } from "@/store/decisions";
import { Outcome, target } from "./Outcome";
import { Strip, Why } from "./Why";

const MOST = 30; // requests shown
const DEFAULTS = { feed: "all" };
const FEEDS = [
  { value: "all", name: "All" },
  { value: "again", name: "Tried again" },
  { value: "lost", name: "Given up" },
];

/** The last decisions: what was sent where, what came of it, and why. */
export function Decisions(props: {
  requests: readonly Deliberation[];
  rows: readonly ServerRow[];
}) {
  const { rows } = props;
  const [{ feed }, ask] = useUrlState(DEFAULTS);
  const [paused, pause] = useState<readonly Deliberation[] | null>(null);
  const [picked, pick] = useState<number | null>(null);
  const all = paused ?? props.requests;
  const shown = all.filter((each) => wanted(each, feed)).slice(0, MOST);
  const decisions = shown.flatMap((each) => each.decisions);
  const chosen = decisions.find((each) => each.cursor === picked) ?? shown[0]?.decisions.at(-1);
  const request = shown.find((each) => each.request === chosen?.request);
  return (
    <Panel
      title="Last decisions"
      hint="Each attempt with the index of every server at that moment: the server with the highest index of those that are eligible is chosen."
      actions={
        <>
          <Choice
            label="Requests"
            value={feed}
            options={FEEDS}
            onChange={(to) => ask({ feed: to })}
          />
          <Button
            aria-pressed={paused !== null}
            onClick={() => pause(paused === null ? props.requests : null)}
          >
            {paused === null ? "Pause" : "Go on"}
          </Button>
        </>
      }
    >
      {shown.length === 0 ? (
        <p className="py-10 text-center text-ink-3">{nothing(feed)}</p>
      ) : (
        <div className="grid gap-x-8 gap-y-4 lg:grid-cols-[minmax(0,1fr)_minmax(300px,380px)]">
          {chosen && request && (
            <Why decision={chosen} request={request} rows={rows} followed={picked === null} />
          )}
          <ol
            // biome-ignore lint/a11y/noNoninteractiveTabindex: the arrow keys scroll it
            tabIndex={0}
            aria-label="Requests, newest first"
            className="max-h-[30rem] overflow-y-auto border-line border-t lg:order-first"
          >
            {shown.map((each) => (
              <Row
                key={each.request}
                request={each}
                rows={rows}
                chosen={chosen?.cursor}
                onPick={(cursor) => pick(cursor === picked ? null : cursor)}
              />
            ))}
          </ol>
        </div>
      )}
    </Panel>
  );
}

function wanted({ decisions }: Deliberation, feed: string): boolean {
  const last = decisions.at(-1);
  if (feed === "again") return decisions.length > 1;
  if (feed === "lost") return last?.move === "give-up";
  return true;
}

function nothing(feed: string): string {
  if (feed === "lost") return "None of the last requests was given up by the strategy.";
  if (feed === "again") return "None of the last requests was tried again.";
  return "No decision was made yet.";
}

function Row(props: {
  request: Deliberation;
  rows: readonly ServerRow[];
  chosen: number | undefined;
  onPick: (cursor: number) => void;
}) {
  const { request, rows } = props;
  return (
    <li className="grid grid-cols-[auto_minmax(0,1fr)] items-start gap-x-4 border-line/70 border-b py-1.5">
      <div className="w-20 pt-1 text-xs leading-tight">
        <div className="num">{format.moment(request.decisions[0]!.time)}</div>
        <div className="num truncate text-ink-3" title={request.id}>
          {request.id}
        </div>
      </div>
      <ol className="flex flex-wrap gap-1">
        {request.decisions.map((decision) => (
          <li key={decision.cursor}>
            <button
              type="button"
              aria-pressed={decision.cursor === props.chosen}
              onClick={() => props.onPick(decision.cursor)}
              className="flex h-8 items-center gap-2 rounded-md border border-line px-2 text-xs hover:border-line-strong aria-pressed:border-ink aria-pressed:bg-sunken"
            >
              <Strip decision={decision} rows={rows} />
              <span className="num max-w-40 truncate">{target(decision, rows)}</span>{" "}
              <Outcome decision={decision} />
            </button>
          </li>
        ))}
      </ol>
    </li>
  );
}
