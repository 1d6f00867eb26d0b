import { expect, test } from "vitest";
import { Series, sampleOf } from "@/store/series";
import { route } from "@/testing/frames";
import { UNKNOWN } from "./known";
import { linesOf } from "./Shares";
import { serverRows } from "./servers";

const rows = serverRows(route(), 0, { ...UNKNOWN, truth: [0.3, 0.9] });

test("samples without shares are left out, holes are not, and the best is at the bottom", () => {
  const series = new Series();
  series.add(10, sampleOf(route()));
  series.add(11, { ...sampleOf(route()), share: null });
  series.interrupt(12);
  series.add(13, { ...sampleOf(route()), share: [0.2, 0.19] });
  const [best, other] = linesOf(rows, series, 10);
  expect(best).toMatchObject({ label: ":4001", x: [0, 2, 3] });
  expect(best!.y.map((value) => value?.toFixed(2))).toEqual(["0.30", undefined, "0.49"]);
  expect(other!.y.map((value) => value?.toFixed(2))).toEqual(["0.70", undefined, "0.51"]);
});
