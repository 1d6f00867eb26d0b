"use client";

import { type FormEvent, useId, useState } from "react";
import { change, remove } from "@/api/client";
import type { SessionRow } from "@/api/types";
import { Button } from "@/components/Button";
import { Confirm } from "@/components/Confirm";

const FIELD =
  "w-full rounded-md border border-line-strong bg-surface px-2.5 py-1 text-[13px] placeholder:text-ink-3";

/** What people add to a session: its name, tags and a note; and the end of it. */
export function Edit({ session, onDone }: { session: SessionRow; onDone: () => void }) {
  const id = useId();
  const [failed, setFailed] = useState("");
  const save = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const said = new FormData(event.currentTarget);
    const text = (key: string) => String(said.get(key) ?? "").trim();
    try {
      await change("/api/sessions/{session}", session.session, {
        name: text("name") || null,
        note: text("note") || null,
        tags: tagsOf(text("tags")),
        pinned: said.get("pinned") === "on",
      });
      onDone();
    } catch (error) {
      setFailed(error instanceof Error ? error.message : String(error));
    }
  };
  return (
    <form
      onSubmit={save}
      aria-label={`Edit ${session.session}`}
      className="grid max-w-3xl gap-3 rounded-lg border border-line bg-sunken/40 p-3 sm:grid-cols-2"
    >
      <Labelled id={`${id}name`} name="Name">
        <input
          id={`${id}name`}
          name="name"
          maxLength={200}
          defaultValue={session.name ?? ""}
          placeholder="What it was for"
          className={FIELD}
        />
      </Labelled>
      <Labelled id={`${id}tags`} name="Tags, with spaces between them">
        <input
          id={`${id}tags`}
          name="tags"
          defaultValue={session.tags.join(" ")}
          placeholder="baseline t2"
          className={FIELD}
        />
      </Labelled>
      <div className="sm:col-span-2">
        <Labelled id={`${id}note`} name="Note">
          <textarea
            id={`${id}note`}
            name="note"
            rows={3}
            maxLength={10_000}
            defaultValue={session.note ?? ""}
            className={FIELD}
          />
        </Labelled>
      </div>
      <label className="flex min-h-6 items-center gap-2 text-xs">
        <input type="checkbox" name="pinned" defaultChecked={session.pinned} className="size-4" />
        Pinned: listed first, and never deleted to save space
      </label>
      <div className="flex flex-wrap items-center gap-1.5 sm:justify-end">
        {failed !== "" && (
          <span role="alert" className="text-bad text-xs">
            {failed}
          </span>
        )}
        <Confirm
          name="Delete"
          label={`Delete ${session.session}`}
          question="Delete it with all its runs, for ever?"
          onYes={() => remove("/api/sessions/{session}", session.session).then(onDone)}
          className="text-bad!"
        />
        <Button type="submit">Save</Button>
      </div>
    </form>
  );
}

/** Words apart by spaces or commas, each once. */
export const tagsOf = (text: string): string[] => [
  ...new Set(text.split(/[\s,]+/).filter(Boolean)),
];

function Labelled(props: { id: string; name: string; children: React.ReactNode }) {
  return (
    <div>
      <label htmlFor={props.id} className="mb-1 block text-ink-3 text-xs">
        {props.name}
      </label>
      {props.children}
    </div>
  );
}
