"use client";

/**
 * Charts as PNG. A chart says with `usePicture` what it is drawn on; a button of the
 * <ChartPanel> around it writes it to a file, with its title and its legend.
 */
import { createContext, type RefObject, useContext, useEffect, useRef } from "react";
import { download } from "@/lib/download";
import { type Look, resolved } from "@/theme/strategies";

export interface Picture {
  /** What is drawn on; or an SVG. */
  canvas: HTMLCanvasElement | SVGSVGElement | null;
  legend?: readonly { label: string; look: Look }[];
}

type Taker = { title: string; take: () => Picture };
export const PictureContext = createContext<RefObject<Taker | null> | null>(null);

export function usePicture(title: string, take: () => Picture): void {
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

/** Draw the picture with its title above and its legend below, and hand it over. */
export async function savePicture({ title, take }: Taker): Promise<void> {
  const { canvas, legend = [] } = take();
  if (canvas === null) return;
  const drawn = canvas instanceof SVGSVGElement ? await rasterised(canvas) : canvas;
  const scale = drawn.width / (canvas.getBoundingClientRect().width || drawn.width);
  const blob = await composed(drawn, title, legend, scale);
  if (blob !== null) download(`${title.toLowerCase().replace(/[^a-z0-9]+/g, "-")}.png`, blob);
}

function composed(
  drawn: HTMLCanvasElement | HTMLImageElement,
  title: string,
  legend: readonly { label: string; look: Look }[],
  scale: number,
): Promise<Blob | null> {
  const sheet = document.createElement("canvas");
  const context = sheet.getContext("2d")!;
  const [margin, line, family] = [
    16 * scale,
    20 * scale,
    getComputedStyle(document.body).fontFamily,
  ];
  const small = `${12 * scale}px ${family}`;
  context.font = small;
  const places = laidOut(context, legend, drawn.width, line, scale);
  const below = (places.at(-1)?.y ?? -line) + line;
  sheet.width = drawn.width + 2 * margin;
  sheet.height = drawn.height + 2 * margin + line + 12 * scale + below;
  context.fillStyle = resolved("--surface");
  context.fillRect(0, 0, sheet.width, sheet.height);
  context.fillStyle = resolved("--ink");
  context.font = `500 ${15 * scale}px ${family}`;
  context.fillText(title, margin, margin + 12 * scale);
  context.drawImage(drawn, margin, margin + line);
  context.font = small;
  for (const { label, look, x, y } of places) {
    const [left, base] = [margin + x, margin + line + drawn.height + 20 * scale + y];
    context.strokeStyle = resolved(look.hue);
    context.lineWidth = 2.5 * scale;
    context.setLineDash(look.dash.map((length) => length * scale));
    context.beginPath();
    context.moveTo(left, base - 4 * scale);
    context.lineTo(left + 18 * scale, base - 4 * scale);
    context.stroke();
    context.fillText(label, left + 24 * scale, base);
  }
  return new Promise((resolve) => sheet.toBlob(resolve, "image/png"));
}

/** Where each entry of the legend stands, in lines that are not wider than the chart. */
function laidOut(
  context: CanvasRenderingContext2D,
  legend: readonly { label: string; look: Look }[],
  width: number,
  line: number,
  scale: number,
) {
  let [x, y] = [0, 0];
  return legend.map((entry) => {
    const needed = context.measureText(entry.label).width + 40 * scale;
    if (x > 0 && x + needed > width) [x, y] = [0, y + line];
    const place = { ...entry, x, y };
    x += needed;
    return place;
  });
}

/** An SVG as an image, with the theme's colours written into it. */
async function rasterised(svg: SVGSVGElement): Promise<HTMLCanvasElement> {
  const { width, height } = svg.getBoundingClientRect();
  const copy = svg.cloneNode(true) as SVGSVGElement;
  copy.setAttribute("width", String(width));
  copy.setAttribute("height", String(height));
  copy.setAttribute("font-family", getComputedStyle(svg).fontFamily);
  inlineStyles(svg, copy);
  const text = new XMLSerializer().serializeToString(copy);
  const image = new Image();
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(text)}`;
  await image.decode();
  const canvas = document.createElement("canvas");
  const scale = window.devicePixelRatio || 1;
  canvas.width = width * scale;
  canvas.height = height * scale;
  canvas.getContext("2d")!.drawImage(image, 0, 0, canvas.width, canvas.height);
  return canvas;
}

const STYLES = [
  "fill",
  "stroke",
  "stroke-width",
  "stroke-dasharray",
  "opacity",
  "fill-opacity",
  "font-size",
  "font-weight",
  "text-anchor",
];

function inlineStyles(from: Element, to: Element): void {
  const style = getComputedStyle(from);
  for (const name of STYLES)
    (to as SVGElement).style.setProperty(name, style.getPropertyValue(name));
  [...from.children].forEach((child, index) => {
    const other = to.children[index];
    if (other) inlineStyles(child, other);
  });
}
