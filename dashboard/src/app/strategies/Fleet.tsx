"use client";

import { useId } from "react";
import { Button } from "@/components/Button";
import { percent } from "@/lib/format";
import { HIGHEST, letter, type Outcome } from "./story";

const OUTCOMES: { outcome: Outcome; name: string; tone: string }[] = [
  { outcome: "succeeded", name: "success", tone: "text-good!" },
  { outcome: "failed", name: "failure", tone: "text-bad!" },
  { outcome: "rate-limited", name: "refusal", tone: "text-warn!" },
];

/** A server as the visitor made it: its true rate, and outcomes to add by hand. */
export function Fleet(props: {
  rates: readonly number[];
  /** Admissions per second; null for any number. */
  limits: readonly (number | null)[];
  onLimit: (server: number, limit: number | null) => void;
  onRate: (server: number, rate: number) => void;
  onTell: (server: number, outcome: Outcome) => void;
}) {
  return (
    <ul className="grid gap-x-8 gap-y-3 sm:grid-cols-2 xl:grid-cols-3">
      {props.rates.map((rate, server) => (
        <Server
          // biome-ignore lint/suspicious/noArrayIndexKey: servers are numbered
          key={server}
          server={server}
          rate={rate}
          limit={props.limits[server] ?? null}
          {...props}
        />
      ))}
    </ul>
  );
}

function Server(props: {
  server: number;
  rate: number;
  limit: number | null;
  onLimit: (server: number, limit: number | null) => void;
  onRate: (server: number, rate: number) => void;
  onTell: (server: number, outcome: Outcome) => void;
}) {
  const { server, rate, limit, onRate, onLimit, onTell } = props;
  const id = useId();
  const name = letter(server);
  return (
    <li className="min-w-0">
      <div className="flex items-baseline justify-between">
        <label htmlFor={id}>
          <span className="font-medium">{name}</span>{" "}
          <span className="text-ink-3 text-xs">true success rate</span>
        </label>
        <output htmlFor={id} className="num">
          {percent(rate)}
        </output>
      </div>
      <input
        id={id}
        type="range"
        min={0}
        max={100}
        value={Math.round(100 * rate)}
        onChange={(event) => onRate(server, Number(event.target.value) / 100)}
        aria-valuetext={percent(rate)}
        className="block h-6 w-full accent-accent"
      />
      <div className="mt-1 mb-2 flex items-center gap-3 text-ink-3 text-xs">
        <span className="whitespace-nowrap">limit</span>
        <input
          type="range"
          min={1}
          max={HIGHEST + 1}
          value={limit ?? HIGHEST + 1}
          onChange={(event) => {
            const value = Number(event.target.value);
            onLimit(server, value > HIGHEST ? null : value);
          }}
          aria-label={`Limit of ${name}`}
          aria-valuetext={limit === null ? "none" : `${limit} a second`}
          className="block h-6 min-w-0 grow accent-warn"
        />
        <output className="num w-10 text-right text-ink">
          {limit === null ? "none" : `${limit}/s`}
        </output>
      </div>
      <div className="flex gap-1.5">
        {OUTCOMES.map(({ outcome, name: what, tone }) => (
          <Button
            key={outcome}
            className={tone}
            onClick={() => onTell(server, outcome)}
            aria-label={`Add a ${what} of ${name}`}
          >
            + {what}
          </Button>
        ))}
      </div>
    </li>
  );
}
