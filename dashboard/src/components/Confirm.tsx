"use client";

import clsx from "clsx";
import { useState } from "react";
import { Button } from "./Button";

/** A button that asks before it does something, in its own place; says what came of it if it failed. */
export function Confirm(props: {
  name: string;
  /** For those who do not see what it stands beside. */
  label?: string;
  question: string;
  onYes: () => Promise<unknown>;
  className?: string;
}) {
  const [asked, ask] = useState(false);
  const [busy, setBusy] = useState(false);
  const [failed, setFailed] = useState("");
  const yes = async () => {
    setBusy(true);
    setFailed("");
    try {
      await props.onYes();
    } catch (error) {
      setFailed(error instanceof Error ? error.message : String(error));
    }
    setBusy(false);
    ask(false);
  };
  if (!asked) {
    return (
      <span className="inline-flex flex-wrap items-center gap-1.5">
        {failed !== "" && (
          <span role="alert" className="max-w-60 text-bad text-xs">
            {failed}
          </span>
        )}
        <Button
          onClick={() => ask(true)}
          aria-label={props.label ?? props.name}
          className={clsx(props.className)}
        >
          {props.name}
        </Button>
      </span>
    );
  }
  return (
    <span
      role="group"
      aria-label={props.question}
      className="inline-flex flex-wrap items-center gap-1.5 rounded-md bg-warn-soft px-2 py-0.5"
    >
      <span className="text-xs">{props.question}</span>
      <Button onClick={yes} disabled={busy} autoFocus>
        Yes
      </Button>
      <Button onClick={() => ask(false)} disabled={busy}>
        No
      </Button>
    </span>
  );
}
