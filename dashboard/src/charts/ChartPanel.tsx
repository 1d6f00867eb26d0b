"use client";

import { type ReactNode, useContext, useRef } from "react";
import { Button } from "@/components/Button";
import { Panel } from "@/components/Panel";
import { type Format, OriginContext, PictureContext, savePicture } from "./picture";

type Taker = Parameters<typeof savePicture>[0];

const FORMATS: Format[] = ["svg", "png"];

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
  const origin = useContext(OriginContext);
  const save = (format: Format) =>
    void (taker.current && savePicture(taker.current, origin, format));
  return (
    <PictureContext value={taker}>
      <Panel
        {...props}
        actions={
          <>
            {props.actions}
            {FORMATS.map((format) => (
              <Button
                key={format}
                onClick={() => save(format)}
                aria-label={`Save “${props.title}” as ${format.toUpperCase()}`}
              >
                {format.toUpperCase()}
              </Button>
            ))}
          </>
        }
      />
    </PictureContext>
  );
}
