"use client";

import Link from "next/link";
import type { Compared, SessionDetail } from "@/api/types";
import { ChartPanel } from "@/charts/ChartPanel";
import { OriginContext } from "@/charts/picture";
import { Button, ButtonLink } from "@/components/Button";
import { Invalid } from "@/components/Invalid";
import { Panel } from "@/components/Panel";
import { CsvButton, Line, sorting, Table } from "@/components/Table";
import * as format from "@/lib/format";
import { ALL, cellsOf, type Measure, verdictOf } from "./cells";
import { indented, named, numbers, written } from "./columns";
import { HeatMap } from "./HeatMap";
import { Intervals } from "./Intervals";
import { Sweeps } from "./Sweeps";
import { originOf, title } from "./title";

export interface Shown {
  scenario: string;
  measure: Measure;
  range: { low: number; high: number };
  strongest: number;
  sort: string;
  open: readonly string[];
  onSort: (sort: string) => void;
  onOpen: (strategies: readonly string[]) => void;
  pointed: string | null;
  onPoint: (strategy: string | null) => void;
}

/** One session: what it was, and its strategies by scenarios in three forms. */
export function Session(props: {
  session: SessionDetail;
  compared: Compared;
  shown: Shown;
  compact: boolean;
}) {
  const { session, compared, shown, compact } = props;
  const { scenario } = shown;
  const valid = session.valid !== false;
  const where = compared.scenarios.includes(scenario)
    ? scenario
    : compared.scenarios.length > 1
      ? "all scenarios"
      : (compared.scenarios[0] ?? "");
  const which = compact ? `, ${title(session)}` : ""; // of two panels alike
  return (
    <OriginContext value={originOf(session)}>
      <div className="flex min-w-0 flex-col gap-4">
        <Panel
          title={title(session)}
          hint={facts(session, compared)}
          actions={
            <>
              {session.runs.length > 0 && (
                <Link href={`/runs?replay=${session.session}`} className="contents">
                  <span className="inline-flex h-7 items-center rounded-md border border-line bg-surface px-2.5 text-ink-2 text-xs hover:border-line-strong hover:text-ink max-sm:h-9">
                    Replay
                  </span>
                </Link>
              )}
              <ButtonLink href={`/api/sessions/${session.session}`}>JSON</ButtonLink>
            </>
          }
        >
          <Invalid session={session} />
          {session.note && <p className="mb-2 whitespace-pre-wrap text-ink-2">{session.note}</p>}
          {valid && <p className="max-w-[75ch] leading-relaxed">{verdictOf(compared, scenario)}</p>}
        </Panel>
        {valid && <Pictures {...props} where={where} which={which} />}
        {valid && <Sweeps compared={compared} {...shown} where={where + which} />}
        <Numbers {...props} where={where + which} />
      </div>
    </OriginContext>
  );
}

/** The measure with its intervals, and by scenario: a ranking. */
function Pictures(props: {
  session: SessionDetail;
  compared: Compared;
  shown: Shown;
  compact: boolean;
  where: string;
  which: string;
}) {
  const { session, compared, shown, compact, where, which } = props;
  const what = shown.measure === "regret" ? "Regret" : "Score";
  return (
    <div className={compact ? "grid gap-4" : "grid gap-4 lg:grid-cols-[3fr_2fr]"}>
      <ChartPanel
        title={`${what}, ${where}${which}`}
        hint={
          compared.replications === 1
            ? "One run each: a hollow dot, as nothing is known of its noise."
            : `Means of ${format.number(compared.replications)} fleets, with 95 % intervals.`
        }
      >
        <Intervals title={`${what}, ${where}, ${title(session)}`} compared={compared} {...shown} />
      </ChartPanel>
      <ChartPanel
        title={`${what} by scenario${which}`}
        hint={
          shown.measure === "regret"
            ? "The stronger the colour, the further behind the bound."
            : "The stronger the colour, the lower the score."
        }
      >
        <HeatMap
          title={`${what} by scenario, ${title(session)}`}
          compared={compared}
          most={shown.strongest}
          {...shown}
        />
      </ChartPanel>
    </div>
  );
}

function Numbers(props: {
  session: SessionDetail;
  compared: Compared;
  shown: Shown;
  compact: boolean;
  where: string;
}) {
  const { session, compared, shown, compact } = props;
  const cells = cellsOf(compared, shown.scenario);
  const by = sorting.read(shown.sort || (session.valid === false ? "strategy" : shown.measure));
  const figures = numbers(shown.measure, compact);
  const several = compared.scenarios.length > 1 && shown.scenario === ALL;
  const toggle = (name: string) =>
    shown.onOpen(
      shown.open.includes(name)
        ? shown.open.filter((each) => each !== name)
        : [...shown.open, name],
    );
  const every = compared.strategies;
  const opened = every.every((name) => shown.open.includes(name));
  return (
    <Panel
      title={`Strategies on ${props.where}`}
      hint={
        compared.replications === 1
          ? "Single runs: no best one is marked, as a few points may well be chance."
          : "± is half a 95 % interval. Best: nobody else can be told apart from it, or ahead of it."
      }
      actions={
        <>
          {several && (
            <Button onClick={() => shown.onOpen(opened ? [] : every)}>
              {opened ? "Close all" : "Open all"}
            </Button>
          )}
          <CsvButton
            name={`comparison-${session.session}`}
            columns={written()}
            rows={[...compared.cells, ...compared.overall]}
            by={by}
          />
        </>
      }
    >
      <Table
        caption={`Strategies of ${title(session)}`}
        columns={named(figures, cells, shown.open, several ? toggle : null)}
        rows={cells}
        rowKey={(cell) => cell.strategy + cell.scenario}
        by={by}
        onSort={(each) => shown.onSort(sorting.write(each))}
        onPoint={(cell) => shown.onPoint(cell?.strategy ?? null)}
        rowClass={(cell) => (cell.strategy === shown.pointed ? "bg-sunken/60" : undefined)}
        below={(cell) =>
          several && shown.open.includes(cell.strategy)
            ? compared.cells
                .filter((each) => each.strategy === cell.strategy)
                .map((each) => (
                  <Line
                    key={each.scenario}
                    columns={indented(figures, compared.cells)}
                    row={each}
                    rowClass={() => "bg-sunken/40 text-ink-2"}
                  />
                ))
            : null
        }
      />
    </Panel>
  );
}

function facts(session: SessionDetail, compared: Compared): string {
  const { replications, requests, strategies, scenarios } = compared;
  return [
    `${format.count(strategies.length, "strategy", "strategies")} on ${scenarios.join(", ")}`,
    replications > 1 ? `${format.number(replications)} fleets in virtual time` : "one run each",
    `${format.count(requests, "request")}${session.rate === null ? "" : `, ${format.number(session.rate)} per second`}`,
    session.seed === null ? "" : `seed ${session.seed}`,
    session.state === "finished" ? "" : session.state,
  ]
    .filter(Boolean)
    .join(" · ");
}
