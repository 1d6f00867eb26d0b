/**
 * What happened on the playground, oldest first: rounds that were played, and outcomes that the
 * visitor made up. In the address it is short: `@70-40-55.r3.0s2.1f` are three rounds on servers of
 * these rates, two successes of the first server and a failure of the second.
 */
import type { PlayRequest } from "@/api/types";

export type Step = NonNullable<PlayRequest["story"]>[number];
export type Outcome = "succeeded" | "failed" | "rate-limited";

export const MOST = 400; // steps: beyond, nothing new is to be seen
const LETTERS: Record<string, Outcome> = { s: "succeeded", f: "failed", x: "rate-limited" };

/** Rates in hundredths: `70-40-55`. */
export const rates = {
  read: (text: string): number[] =>
    text.split("-").map((part) => Math.min(100, Math.max(0, Number.parseInt(part, 10) || 0)) / 100),
  write: (values: readonly number[]): string =>
    values.map((value) => Math.round(100 * value)).join("-"),
};

/** Admissions per second, `2-0-5`: 0 for none, and so for what is left out. */
export const limits = {
  read: (text: string, servers: number): (number | null)[] => {
    const parts = text.split("-").map((part) => Number.parseInt(part, 10) || 0);
    return Array.from({ length: servers }, (_, at) => {
      const value = parts[at] ?? 0;
      return value > 0 ? Math.min(value, HIGHEST) : null;
    });
  },
  write: (values: readonly (number | null)[]): string =>
    values.every((value) => value === null) ? "" : values.map((value) => value ?? 0).join("-"),
};
export const HIGHEST = 10; // admissions per second: as many as requests come

export const story = {
  read(text: string): Step[] {
    const steps: Step[] = [];
    let current: number[] = [];
    for (const token of text.split(".")) {
      const [, at, server, kind, times] = /^(?:@([\d-]+)|(\d*)([rsfx])(\d*))$/.exec(token) ?? [];
      if (at !== undefined) current = rates.read(at);
      if (kind === undefined) continue;
      const many = Math.min(Number.parseInt(times || "1", 10), MOST);
      const outcome = LETTERS[kind];
      const step: Step =
        outcome === undefined ? { rates: current } : { server: Number(server), outcome };
      steps.push(...Array<Step>(many).fill(step));
    }
    return steps.slice(0, MOST);
  },

  write(steps: readonly Step[]): string {
    const tokens: { text: string; many: number }[] = [];
    const add = (text: string) => {
      const last = tokens.at(-1);
      if (last?.text === text && !text.startsWith("@")) last.many++;
      else tokens.push({ text, many: 1 });
    };
    let current = "";
    for (const step of steps) {
      if ("rates" in step) {
        const now = rates.write(step.rates);
        if (now !== current) add(`@${now}`);
        current = now;
        add("r");
      } else {
        const letter = Object.keys(LETTERS).find((key) => LETTERS[key] === step.outcome);
        add(`${step.server}${letter}`);
      }
    }
    return tokens.map(({ text, many }) => (many > 1 ? `${text}${many}` : text)).join(".");
  },
};

/** Only what is about servers that are there. */
export function fitting(steps: readonly Step[], servers: number): Step[] {
  return steps.filter((step) =>
    "rates" in step ? step.rates.length === servers : step.server < servers,
  );
}

/** Servers are lettered: A, B, C. */
export const letter = (server: number) => String.fromCharCode(65 + server);

/** The seed of an address: a whole number that the balancer takes, 0 for anything else. */
export function luck(text: string): number {
  const seed = Number(text);
  return Number.isSafeInteger(seed + 1) && seed >= 0 ? seed : 0;
}
