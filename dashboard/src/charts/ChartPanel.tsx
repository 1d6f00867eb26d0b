"use client";

import { type ReactNode, useRef } from "react";
import { Button } from "@/components/Button";
import { Panel } from "@/components/Panel";
import { PictureContext, savePicture } from "./picture";

type Taker = Parameters<typeof savePicture>[0];

/** A panel with one chart, which can be saved as a picture. */
export function ChartPanel(props: {
  title: string;
  hint?: ReactNode;
  actions?: ReactNode;
  className?: string;
  level?: 2 | 3;
  children: ReactNode;
}) {
  const taker = useRef<Taker | null>(null);
  const save = () => void (taker.current && savePicture(taker.current));
  return (
    <PictureContext value={taker}>
      <Panel
        {...props}
        actions={
          <>
            {props.actions}
            <Button onClick={save} aria-label={`Save “${props.title}” as PNG`}>
              PNG
            </Button>
          </>
        }
      />
    </PictureContext>
  );
}
