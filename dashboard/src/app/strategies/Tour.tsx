"use client";

import { Button } from "@/components/Button";

/** What the playground shows at a step of the tour: values of the address. */
export interface Setting {
  play: string;
  rates: string;
  limits: string;
  story: string;
  seed: string;
}

interface Step {
  title: string;
  text: string;
  look: string;
  setting: Setting;
}

const base = { limits: "", seed: "0" };

export const STEPS: readonly Step[] = [
  {
    title: "Three servers, and nobody knows which is good",
    text: "Each request may be sent to any server, and each server fails now and then. “random” does not care which. A bandit learns: it counts how attempts end, and believes something of each server’s rate.",
    look: "Press “Ten rounds” a few times: v4’s hills grow narrow around the dashed line, the truth that it is not told.",
    setting: { ...base, play: "v4 random", rates: "80-40-55", story: "@80-40-55.r10" },
  },
  {
    title: "Trying and using",
    text: "To take the best so far only would miss a better one; to try all alike would waste requests. The diamond is the index: v4 draws it by chance from what it believes, v2 adds to the mean what it does not know yet. The highest one is chosen.",
    look: "Press “One round”, and see whose diamond is on the right. After 40 rounds most attempts go to A.",
    setting: { ...base, play: "v4 v2", rates: "80-40-55", story: "@80-40-55.r40" },
  },
  {
    title: "A refusal is no failure",
    text: "Now A admits two attempts a second, and answers 429 to the rest. That says nothing of its quality: who takes it for a failure loses the best server. v6 leaves A alone for a while after a refusal; v4 does not learn from it at all, and asks again.",
    look: "Compare “Refused”: what a 429 teaches is when, not whether.",
    setting: { ...base, play: "v4 v6", rates: "90-50-40", limits: "2", story: "@90-50-40.r60" },
  },
  {
    title: "What waiting buys",
    text: "All servers are good, and all admit two attempts a second, while ten requests come. v6 asks until its ten attempts are used up, and pays for seven of them. cascade estimates each limit, and holds a request until a server has room.",
    look: "Compare “Score”: waiting a moment delivers nearly all requests, at no price.",
    setting: {
      ...base,
      play: "v6 cascade",
      rates: "90-90-90",
      limits: "2-2-2",
      story: "@90-90-90.r60",
    },
  },
  {
    title: "Your turn",
    text: "Drag the rates and the limits, add and remove servers, play any of the strategies below, with other parameters if you like. The address has all of it: “Copy link” shows it to somebody else.",
    look: "Make B the best after 40 rounds: who notices first?",
    setting: {
      ...base,
      play: "v4 v7 cascade",
      rates: "80-40-55",
      story: "@80-40-55.r40.@40-80-55.r20",
    },
  },
];

/** Five steps from what a bandit is to what waiting buys. */
export function Tour(props: { at: number; onStep: (step: number) => void; onEnd: () => void }) {
  const { at, onStep, onEnd } = props;
  const step = STEPS[at - 1];
  if (step === undefined) return null;
  return (
    <section
      aria-label="Tour"
      className="mb-4 rounded-xl border border-accent/50 bg-accent-soft px-4 py-3"
    >
      <p className="text-ink-2 text-xs">
        Step {at} of {STEPS.length}
      </p>
      <h2 className="font-medium text-lg tracking-tight">{step.title}</h2>
      <p className="mt-1 max-w-[80ch] leading-relaxed">{step.text}</p>
      <p className="mt-1 max-w-[80ch] font-medium leading-relaxed">{step.look}</p>
      <div className="mt-3 flex flex-wrap gap-1.5">
        <Button onClick={() => onStep(at - 1)} disabled={at === 1}>
          Back
        </Button>
        {at < STEPS.length ? (
          <Button onClick={() => onStep(at + 1)} className="border-ink!">
            Next
          </Button>
        ) : (
          <Button onClick={onEnd} className="border-ink!">
            Done
          </Button>
        )}
        {at < STEPS.length && <Button onClick={onEnd}>Leave the tour</Button>}
      </div>
    </section>
  );
}
