/** The colour-blind can tell the hues apart, in both themes, and they stand out from the page. */
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { DASHES, HUES, KNOWN, look } from "./strategies";

const css = readFileSync(new URL("../app/globals.css", import.meta.url), "utf8");
const themes = { light: css.split(":root {")[1]!, dark: css.split('[data-theme="dark"] {')[1]! };

type Triple = [number, number, number];

/** Machado, Oliveira and Fernandes (2009), severity 1, on linear RGB. */
const VISIONS: Record<string, Triple[]> = {
  full: [
    [1, 0, 0],
    [0, 1, 0],
    [0, 0, 1],
  ],
  protanopia: [
    [0.152286, 1.052583, -0.204868],
    [0.114503, 0.786281, 0.099216],
    [-0.003882, -0.048116, 1.051998],
  ],
  deuteranopia: [
    [0.367322, 0.860646, -0.227968],
    [0.280085, 0.672501, 0.047413],
    [-0.01182, 0.04294, 0.968881],
  ],
  tritanopia: [
    [1.255528, -0.076749, -0.178779],
    [-0.078411, 0.930809, 0.147602],
    [0.004733, 0.691367, 0.3039],
  ],
};

function colour(theme: string, variable: string): Triple {
  const hex = new RegExp(`${variable}: #([0-9a-f]{6})`).exec(theme)![1]!;
  return [0, 2, 4].map((at) => {
    const part = Number.parseInt(hex.slice(at, at + 2), 16) / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  }) as Triple;
}

const dot = (a: Triple, b: Triple) => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
const seen = (rgb: Triple, vision: Triple[]) =>
  vision.map((row) => Math.min(1, Math.max(0, dot(row, rgb)))) as Triple;

/** Björn Ottosson's OKLab: equal distances look equally different. */
function oklab(rgb: Triple): Triple {
  const l = Math.cbrt(dot([0.4122214708, 0.5363325363, 0.0514459929], rgb));
  const m = Math.cbrt(dot([0.2119034982, 0.6806995451, 0.1073969566], rgb));
  const s = Math.cbrt(dot([0.0883024619, 0.2817188376, 0.6299787005], rgb));
  return [
    dot([0.2104542553, 0.793617785, -0.0040720468], [l, m, s]),
    dot([1.9779984951, -2.428592205, 0.4505937099], [l, m, s]),
    dot([0.0259040371, 0.7827717662, -0.808675766], [l, m, s]),
  ];
}

const luminance = (rgb: Triple) => dot([0.2126, 0.7152, 0.0722], rgb);

for (const [name, theme] of Object.entries(themes)) {
  for (const [vision, matrix] of Object.entries(VISIONS)) {
    test(`any two hues look different: ${name}, ${vision}`, () => {
      const all = HUES.map((hue) => oklab(seen(colour(theme, hue), matrix)));
      for (const [at, one] of all.entries()) {
        for (const other of all.slice(at + 1)) {
          expect(Math.hypot(...one.map((x, i) => x - other[i]!))).toBeGreaterThan(0.12);
        }
      }
    });
  }

  test(`every hue stands out from the page: ${name}`, () => {
    const page = luminance(colour(theme, "--surface"));
    for (const hue of HUES) {
      const [dark, light] = [luminance(colour(theme, hue)), page].toSorted((a, b) => a - b);
      expect((light! + 0.05) / (dark! + 0.05), hue).toBeGreaterThanOrEqual(3);
    }
  });
}

test("no two known strategies look alike, and others look like none of them", () => {
  const looks = KNOWN.map((name) => JSON.stringify(look(name)));
  expect(new Set(looks).size).toBe(KNOWN.length);
  expect(look("v6:cooldown=0.5")).toEqual(look("v6:cooldown=0.5"));
  expect(look("v6:cooldown=0.5").dash).toBe(DASHES.at(-1));
  expect(looks.some((each) => each.includes(JSON.stringify(DASHES.at(-1))))).toBe(false);
});
