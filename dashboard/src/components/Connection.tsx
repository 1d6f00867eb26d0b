"use client";

import clsx from "clsx";
import { useEffect, useState } from "react";
import { moment } from "@/lib/format";
import { live } from "@/store/live";
import { useSource, type View } from "@/store/source";
import { Button } from "./Button";

/** Whether what is shown is what is; small, in the header. */
export function Connection() {
  const phase = useSource((view) => view.phase);
  const name = { connecting: "Connecting", live: "Connected", lost: "Disconnected", replay: "" }[
    phase
  ];
  return (
    <span role="status" className="flex items-center gap-2 text-ink-2 text-xs" data-phase={phase}>
      <span
        aria-hidden="true"
        className={clsx("size-2 rounded-full", {
          "bg-good": phase === "live",
          "animate-pulse bg-warn": phase === "connecting",
          "bg-bad": phase === "lost",
        })}
      />
      <span className="max-xs:sr-only">{name}</span>
    </span>
  );
}

/** Says that the connection is lost, since when, and what is being done about it. */
export function Disconnected() {
  const { phase, lostAt, retryAt } = useSource(connection, sameConnection);
  const left = useCountdown(retryAt);
  if (phase !== "lost") return null;
  return (
    <div
      role="alert"
      className="mb-4 flex flex-wrap items-center gap-x-4 gap-y-2 rounded-lg border border-bad/40 bg-bad-soft px-4 py-2.5"
    >
      <p className="grow">
        <strong className="font-medium">The balancer does not answer</strong>
        {lostAt !== null && ` since ${moment(lostAt / 1000)}`}. What you see is the last it said;
        what it records meanwhile is filled in when it is back.
      </p>
      <span className="num text-ink-2 text-xs">{left > 0 ? `again in ${left} s` : "trying…"}</span>
      <Button onClick={live.retry}>Try now</Button>
    </div>
  );
}

/** Says that the charts have a gap which the balancer could not fill yet. */
export function Missing() {
  const missing = useSource((view) => view.missing && view.phase === "live");
  if (!missing) return null;
  return (
    <p role="status" className="mb-4 rounded-lg border border-warn/40 bg-warn-soft px-4 py-2.5">
      <strong className="font-medium">Some of the past is missing in the charts:</strong> the
      balancer could not say what happened then. It is asked again until it does; what is shown of
      now is right.
    </p>
  );
}

const connection = ({ phase, lostAt, retryAt }: View) => ({ phase, lostAt, retryAt });
const sameConnection = (a: ReturnType<typeof connection>, b: ReturnType<typeof connection>) =>
  a.phase === b.phase && a.retryAt === b.retryAt;

function useCountdown(until: number | null): number {
  const [now, setNow] = useState(0);
  useEffect(() => {
    if (until === null) return;
    setNow(Date.now());
    const timer = setInterval(() => setNow(Date.now()), 500);
    return () => clearInterval(timer);
  }, [until]);
  return until === null ? 0 : Math.max(0, Math.ceil((until - now) / 1000));
}
