import { expect, test } from "vitest";
import { route } from "@/testing/frames";
import { keyOf, ownName } from "./naming";

test("in a race a strategy says who it is, on whichever scenario", () => {
  const race = ["T1", "T2"].flatMap((scenario) =>
    ["v4", "v6"].map((strategy) => route({ route: `${strategy}-${scenario}`, strategy, scenario })),
  );
  expect(race.map((row) => keyOf(row, race))).toEqual(["v4", "v6", "v4", "v6"]);
});

test("routes in production go by their own names, one alone by its strategy", () => {
  const orders = route({ route: "orders", strategy: "cascade", scenario: null });
  const bills = route({ route: "bills", strategy: "cascade", scenario: null });
  const probe = route({ route: "probe", strategy: "v4", scenario: null });
  const all = [orders, bills, probe];
  expect(all.map((row) => ownName(row, all))).toEqual(["orders", "bills", "probe"]);
  expect(ownName(orders, [orders])).toBeNull();
});

test("two of one strategy on one scenario are told apart", () => {
  const twins = ["a", "b"].map((name) => route({ route: name, strategy: "v4", scenario: "T1" }));
  expect(twins.map((row) => keyOf(row, twins))).toEqual(["a", "b"]);
});
