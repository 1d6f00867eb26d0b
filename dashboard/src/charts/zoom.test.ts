import { expect, test } from "vitest";
import { scaled, shown } from "./zoom";

test.each([
  ["whole", 0, 400, [0, 400]],
  ["300", 0, 400, [100, 400]],
  ["300", 350, 400, [350, 400]],
  ["12~40", 0, 400, [12, 40]],
  ["500~600", 0, 400, [0, 400]],
  ["40~12", 0, 400, [0, 400]],
  ["nonsense", 0, 400, [0, 400]],
  ["whole", 7, 7, [6.5, 7.5]],
])("zoom=%s of %d to %d shows %j", (asked, first, last, range) => {
  expect(shown(asked, first, last)).toEqual(range);
});

test("zooming keeps what is under the cursor, and ends at the whole", () => {
  expect(scaled([0, 100], 25, 0.5, [0, 100])).toEqual([12.5, 62.5]);
  expect(scaled([12.5, 62.5], 25, 4, [0, 100])).toEqual([0, 100]);
});
