import { expect, test } from "vitest";
import { Series, sampleOf } from "@/store/series";
import { route } from "@/testing/frames";
import { limitLines, mostRefusing } from "./limits";
import { serverRows } from "./servers";

/** At each second: 4 attempts a second on the first server, of which 1 is refused. */
function played(capacity: (number | null)[] | undefined): Series {
  const series = new Series();
  for (let time = 0; time <= 6; time++) {
    const made = route({ requests: time, attempts: 4 * time });
    Object.assign(made.servers, { attempts: [4 * time, 0], rate_limited: [time, 0] });
    if (capacity) {
      const ends = { capacity_low: [2, null], capacity_high: [900, null] };
      Object.assign(made.servers, { capacity, ...ends });
    }
    series.add(100 + time, sampleOf(made));
  }
  return series;
}

test("the band of what is believed, cut where it says nothing, beside what was sent and refused", () => {
  const [limit, sent, refused] = limitLines(played([3, null]), 0, 100);
  expect(limit!.x).toEqual([0, 1, 2, 3, 4, 5, 6]);
  expect(limit!.y[0]).toBe(3);
  expect([limit!.low![0], limit!.high![0]]).toEqual([2, 10]);
  expect(sent!.y).toEqual([null, 4, 4, 4, 4, 4, 4]);
  expect(refused!.y).toEqual([null, 1, 1, 1, 1, 1, 1]);
});

test("nothing is drawn where no limit was met, or none is learnt", () => {
  expect(limitLines(played([3, null]), 1, 100)).toEqual([]);
  expect(limitLines(played(undefined), 0, 100)).toEqual([]);
});

test("the server that refused most comes first", () => {
  const made = route();
  made.servers.rate_limited = [1, 5];
  expect(mostRefusing(serverRows(made, 0))!.place).toBe(1);
});
