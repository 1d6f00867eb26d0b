/** Pieces of SVG as text, and a chart of the page as such. */

export const escaped = (words: string): string =>
  words.replace(/[&<>"]/g, (sign) => `&#${sign.charCodeAt(0)};`);

export function element(
  name: string,
  values: Record<string, string | number>,
  ...children: string[]
): string {
  const written = Object.entries(values).map(
    ([key, value]) => ` ${key}="${escaped(String(value))}"`,
  );
  return `<${name}${written.join("")}>${children.join("")}</${name}>`;
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
  "paint-order",
];

/** What an SVG of the page holds, with the theme's colours written into it. */
export function inlined(svg: SVGSVGElement): string {
  const copy = svg.cloneNode(true) as SVGSVGElement;
  inlineStyles(svg, copy);
  return [...copy.children].map((each) => new XMLSerializer().serializeToString(each)).join("");
}

function inlineStyles(from: Element, to: Element): void {
  const style = getComputedStyle(from);
  for (const name of STYLES)
    (to as SVGElement).style.setProperty(name, style.getPropertyValue(name));
  [...from.children].forEach((child, index) => {
    const other = to.children[index];
    if (other) inlineStyles(child, other);
  });
}
