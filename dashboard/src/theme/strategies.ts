/**
 * How a strategy looks, the same on every page: one of six hues that the colour-blind can tell
 * apart (strategies.test.ts measures it), and one of nine dashes. A name is never far away.
 */

export interface Look {
  /** A CSS variable, so that it follows the theme. */
  hue: string;
  /** Lengths of strokes and gaps in pixels; empty for a solid line. */
  dash: number[];
}

export const HUES = [0, 1, 2, 3, 4, 5].map((hue) => `--hue-${hue}`);
export const DASHES: number[][] = [
  [],
  [7, 3],
  [2, 3],
  [14, 4],
  [6, 2, 1, 2],
  [3, 7],
  [12, 3, 4, 3],
  [4, 4],
  [9, 3, 2, 3], // for those that are not known
];

/** Six hues for each dash, solid first. A test in Python holds the names against the catalogue. */
export const KNOWN = [
  "v4",
  "v6",
  "cascade",
  "v8",
  "v7",
  "oracle",
  "v1",
  "v2",
  "v3",
  "v5",
  "p2c-ewma",
  "outlier",
  "kl-ucb",
  "primal-dual",
  "balanced",
  "lagrange",
  "random",
  "round-robin",
  "linucb",
  "lints",
  "per-task",
  "pilot",
  "pacer",
  "mixllm",
  "lin-eps-greedy",
  "eps-greedy",
  "thompson-gauss",
  "ucb1-utility",
  "greedy-linucb",
  "budget-linucb",
  "knapsack-linucb",
  "rucb",
  "sw-ucb",
  "d-ucb",
  "sw-ts",
  "d-ts",
  "cusum-ucb",
  "glr-klucb",
  "exp3",
  "exp3-s",
  "bayes-ucb",
  "ucb-tuned",
  "whittle",
  "risk",
  "lazy-ts",
  "fanout",
  "neural-linear",
  "bootstrap-trees",
];

/** The look of a strategy by its canonical spec; changed parameters give another dash. */
export function look(strategy: string): Look {
  const known = KNOWN.indexOf(strategy);
  if (known >= 0) {
    return { hue: HUES[known % 6]!, dash: DASHES[Math.floor(known / 6)]! };
  }
  return { hue: HUES[hash(strategy) % 6]!, dash: DASHES.at(-1)! };
}

/** A colour as a canvas needs it: the value that the variable has in this theme. */
export function resolved(variable: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(variable).trim();
}

function hash(text: string): number {
  let sum = 2166136261;
  for (const character of text) {
    sum = Math.imul(sum ^ (character.codePointAt(0) ?? 0), 16777619) >>> 0;
  }
  return sum;
}
