"use client";

import { useEffect, useState } from "react";

const SHOWN = 1500; // milliseconds that it says that it did

const CHAIN =
  "M6.5 9.5l3-3M7 4.5l1.2-1.2a2.8 2.8 0 0 1 4 4L11 8.5M9 11.5l-1.2 1.2a2.8 2.8 0 0 1-4-4L5 7.5";
const DONE = "M3 8.5l3.5 3.5L13 4.5";

/** All that is shown is in the address: a copy of it shows the same to somebody else. */
export function CopyLink() {
  const [copied, setCopied] = useState(false);
  useEffect(() => {
    if (!copied) return;
    const timer = setTimeout(() => setCopied(false), SHOWN);
    return () => clearTimeout(timer);
  }, [copied]);
  const copy = async () => {
    await write(window.location.href);
    setCopied(true);
  };
  return (
    <button
      type="button"
      onClick={copy}
      aria-label="Copy link"
      title="Copy a link that shows just this"
      className="relative grid size-7 place-items-center rounded-full border border-line bg-surface text-ink-3 hover:text-ink"
    >
      <svg width="13" height="13" viewBox="0 0 16 16" aria-hidden="true">
        <path
          d={copied ? DONE : CHAIN}
          fill="none"
          stroke="currentColor"
          strokeWidth="1.5"
          strokeLinecap="round"
          strokeLinejoin="round"
        />
      </svg>
      <span role="status" className="sr-only">
        {copied && "Copied"}
      </span>
    </button>
  );
}

/** Pages that are not on this machine, without TLS, have no clipboard: a selection has to do. */
async function write(text: string): Promise<void> {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  const box = document.createElement("textarea");
  box.value = text;
  document.body.append(box);
  box.select();
  document.execCommand("copy");
  box.remove();
}
