import { expect, test } from "vitest";
import { route } from "@/testing/frames";
import { startsOf } from "./columns";

test("lanes begin at a round share of the bound that all of the scenario have reached", () => {
  const reached = (scenario: string | null, ...shares: number[]) =>
    shares.map((share) => route({ scenario, score: 100 * share, bound: 100 }));
  const starts = startsOf([
    ...reached("T1", 0.97, 0.99),
    ...reached("T2", 0.97, 0.8, 0.76),
    ...reached("T3", 0.97, 0.75),
    ...reached("T4", 0.97, -0.2),
    route({ scenario: null, bound: null }),
  ]);
  expect(Object.fromEntries(starts)).toEqual({ T1: 0.9, T2: 0.75, T3: 0.5, T4: 0 });
});
