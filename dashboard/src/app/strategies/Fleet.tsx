"use client";

import { useId } from "react";
import { Button } from "@/components/Button";
import { percent } from "@/lib/format";
import { letter, type Outcome } from "./story";

const OUTCOMES: { outcome: Outcome; name: string; tone: string }[] = [
  { outcome: "succeeded", name: "success", tone: "text-good!" },
  { outcome: "failed", name: "failure", tone: "text-bad!" },
  { outcome: "rate-limited", name: "refusal", tone: "text-warn!" },
];

/** A server as the visitor made it: its true rate, and outcomes to add by hand. */
export function Fleet(props: {
  rates: readonly number[];
  onRate: (server: number, rate: number) => void;
  onTell: (server: number, outcome: Outcome) => void;
}) {
  return (
    <ul className="grid gap-x-8 gap-y-3 sm:grid-cols-2 xl:grid-cols-3">
      {props.rates.map((rate, server) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: servers are numbered
        <Server key={server} server={server} rate={rate} {...props} />
      ))}
    </ul>
  );
}

function Server(props: {
  server: number;
  rate: number;
  onRate: (server: number, rate: number) => void;
  onTell: (server: number, outcome: Outcome) => void;
}) {
  const { server, rate, onRate, onTell } = props;
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
        className="h-6 w-full accent-accent"
      />
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
