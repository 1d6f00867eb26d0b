"use client";

import { useEffect, useRef } from "react";
import { Button } from "./Button";

const KEYS = [
  ["/", "to the search box"],
  ["?", "this list"],
  ["← →", "on a chart: read the values out; in a replay: one frame on or back"],
  ["+ − 0", "on a chart: zoom in, zoom out, all of it; or drag across it"],
  ["Space", "in a replay: play and pause"],
  ["Home End", "in a replay: to the beginning, to the end"],
  ["Page up, down", "in a replay: faster, slower"],
  ["Esc", "close this"],
] as const;

/** Keys that work on every page, and the list of all of them. */
export function Keys() {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const press = (event: KeyboardEvent) => {
      if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target)) return;
      if (event.key === "?") dialog.current?.showModal();
      else if (event.key !== "/" || !search()) return;
      event.preventDefault();
    };
    window.addEventListener("keydown", press);
    return () => window.removeEventListener("keydown", press);
  }, []);
  return (
    <>
      <Button
        onClick={() => dialog.current?.showModal()}
        aria-label="Keys"
        title="Keys"
        className="size-7 justify-center rounded-full! px-0! max-sm:hidden"
      >
        ?
      </Button>
      <dialog
        ref={dialog}
        aria-label="Keys"
        className="m-auto max-w-md rounded-xl border border-line bg-surface p-5 text-ink shadow-lg backdrop:bg-black/40"
      >
        <h2 className="mb-3 font-medium text-lg">Keys</h2>
        <dl className="grid grid-cols-[auto_1fr] gap-x-4 gap-y-2">
          {KEYS.map(([key, what]) => (
            <div key={key} className="contents">
              <dt className="num whitespace-nowrap font-medium">{key}</dt>
              <dd className="text-ink-2">{what}</dd>
            </div>
          ))}
        </dl>
        <form method="dialog" className="mt-4 text-right">
          <Button type="submit">Close</Button>
        </form>
      </dialog>
    </>
  );
}

const typing = (target: EventTarget | null): boolean =>
  target instanceof Element && target.matches("input:not([type=range]), select, textarea");

/** To the first search box of the page; false if there is none. */
function search(): boolean {
  const box = document.querySelector<HTMLInputElement>("main input[type=search]");
  box?.focus();
  box?.select();
  return box !== null;
}
