import { expect, test } from "vitest";
import { route } from "@/testing/frames";
import { worstOf } from "./columns";

test("the lanes of each scenario begin at its own largest regret", () => {
  const routes = [
    route({ scenario: "T1", regret: 3 }),
    route({ scenario: "T1", regret: 8 }),
    route({ scenario: "T2", regret: 300 }),
    route({ scenario: "T3", regret: -1 }),
    route({ scenario: null, regret: null }),
  ];
  const worst = { T1: 8, T2: 300, T3: 0, "": 0 };
  expect(Object.fromEntries(worstOf(routes))).toEqual(worst);
});
