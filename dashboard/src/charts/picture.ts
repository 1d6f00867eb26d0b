"use client";

/**
 * Charts as files. A chart says with `usePicture` how it is drawn; buttons of the <ChartPanel>
 * around it write that as SVG, or at double size as PNG, with its title, where the numbers are from
 * (session, seed, date) and its legend.
 */
import { createContext, type RefObject, useContext, useEffect, useRef } from "react";
import { download } from "@/lib/download";
import { moment } from "@/lib/format";
import { type Look, resolved } from "@/theme/strategies";
import { element, escaped, inlined } from "./svg";

export interface Picture {
  width: number;
  height: number;
  /** Elements of SVG. */
  content: string;
  legend?: readonly { label: string; look: Look }[];
}

export type Format = "svg" | "png";
type Taker = { title: string; take: () => Picture | null };
export const PictureContext = createContext<RefObject<Taker | null> | null>(null);

/** Where the numbers of a page are from, for its pictures: session, seed, when it was played. */
export const OriginContext = createContext("");

const MARGIN = 16;
const HEAD = 40; // the title and the line below it
const LINE = 20;
const LETTER = 6.6; // pixels of a letter of the legend, more or less
const ENLARGED = 2; // pixels of a PNG for each of the page

export function usePicture(title: string, take: () => Picture | null): void {
  const holder = useContext(PictureContext);
  const latest = useRef(take);
  latest.current = take;
  useEffect(() => {
    if (holder === null) return;
    holder.current = { title, take: () => latest.current() };
    return () => {
      holder.current = null;
    };
  }, [holder, title]);
}

/** As `usePicture`, of an SVG that is on the page. */
export function useDrawn(title: string, box: RefObject<HTMLElement | null>): void {
  usePicture(title, () => {
    const svg = box.current?.querySelector("svg");
    if (!svg) return null;
    const { width, height } = svg.getBoundingClientRect();
    return { width, height, content: inlined(svg) };
  });
}

/** Draw the picture with its title above and its legend below, and hand it over. */
export async function savePicture(taker: Taker, origin: string, format: Format): Promise<void> {
  const picture = taker.take();
  if (picture === null) return;
  const sheet = composed(picture, taker.title, origin || moment(Date.now() / 1000, 0));
  const file = format === "svg" ? svgFile(sheet.text) : await rasterised(sheet);
  const name = taker.title.toLowerCase().replace(/[^a-z0-9]+/g, "-");
  if (file !== null) download(`${name}.${format}`, file);
}

interface Sheet {
  width: number;
  height: number;
  text: string;
}

const svgFile = (text: string) => new Blob([text], { type: "image/svg+xml;charset=utf-8" });

export function composed(picture: Picture, title: string, origin: string): Sheet {
  const legend = laidOut(picture.legend ?? [], picture.width);
  const width = picture.width + 2 * MARGIN;
  const below = legend.length === 0 ? 0 : legend.at(-1)!.y + LINE;
  const height = picture.height + HEAD + below + 2 * MARGIN;
  const [ink, quiet] = [resolved("--ink"), resolved("--ink-3")];
  const text = element(
    "svg",
    {
      xmlns: "http://www.w3.org/2000/svg",
      width,
      height,
      viewBox: `0 0 ${width} ${height}`,
      "font-family": "Geist, ui-sans-serif, system-ui, sans-serif",
    },
    element("rect", { width, height, fill: resolved("--surface") }),
    written(title, { x: MARGIN, y: MARGIN + 13, "font-size": 15, "font-weight": 500, fill: ink }),
    written(origin, { x: MARGIN, y: MARGIN + 30, "font-size": 11, fill: quiet }),
    element("g", { transform: `translate(${MARGIN} ${MARGIN + HEAD})` }, picture.content),
    ...legend.map(({ label, look, x, y }) =>
      entry(label, look, MARGIN + x, MARGIN + HEAD + picture.height + y + 14),
    ),
  );
  return { width, height, text };
}

function entry(label: string, look: Look, x: number, y: number): string {
  const line = { x1: x, x2: x + 18, y1: y - 4, y2: y - 4, stroke: resolved(look.hue) };
  const dash = look.dash.join(" ") || "none";
  return (
    element("line", { ...line, "stroke-width": 2.5, "stroke-dasharray": dash }) +
    written(label, { x: x + 24, y, "font-size": 12, fill: resolved("--ink") })
  );
}

const written = (words: string, where: Record<string, string | number>) =>
  element("text", where, escaped(words));

/** Where each entry of the legend stands, in lines that are not wider than the chart. */
function laidOut(legend: NonNullable<Picture["legend"]>, width: number) {
  let [x, y] = [0, 0];
  return legend.map((each) => {
    const needed = each.label.length * LETTER + 44;
    if (x > 0 && x + needed > width) [x, y] = [0, y + LINE];
    const place = { ...each, x, y };
    x += needed;
    return place;
  });
}

async function rasterised({ width, height, text }: Sheet): Promise<Blob | null> {
  const image = new Image();
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(text)}`;
  await image.decode();
  const canvas = document.createElement("canvas");
  canvas.width = width * ENLARGED;
  canvas.height = height * ENLARGED;
  canvas.getContext("2d")!.drawImage(image, 0, 0, canvas.width, canvas.height);
  return new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
}
