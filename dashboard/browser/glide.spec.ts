/** Rows of the race glide when they change places; nothing moves for those who want no motion. */
import type { Page } from "@playwright/test";
import { frame, route } from "../src/testing/frames";
import { expect, test } from "./stage";
import { fake } from "./stream";

const NAMES = ["v2", "v4", "v6"];
const at = (time: number, ...regrets: number[]) =>
  frame(
    time,
    ...NAMES.map((strategy, place) =>
      route({ strategy, route: `${strategy}-T1`, regret: regrets[place]! }),
    ),
  );

/** From how many places away the rows were told to glide, in the order of the strategies. */
async function glides(page: Page, admin: string): Promise<number[]> {
  await page.addInitScript(() => {
    const { animate } = Element.prototype;
    Element.prototype.animate = function (frames, how) {
      if (this.tagName === "TR") this.setAttribute("data-from", JSON.stringify(frames));
      return animate.call(this, frames, how);
    };
  });
  const balancer = await fake(admin);
  await page.goto(balancer.address);
  await expect(page.getByText("Connected")).toBeVisible();
  const links = page.getByRole("table").getByRole("link");
  balancer.send(1, at(1, 1, 2, 3));
  await expect(links).toHaveText(["v2", "v4", "v6"]);
  balancer.send(2, at(2, 5, 2, 3));
  await expect(links).toHaveText(["v4", "v6", "v2"]);
  const rows = NAMES.map((name) => page.getByRole("row", { name }));
  const ended = () => document.getAnimations().every(({ playState }) => playState === "finished");
  await page.waitForFunction(ended);
  const tops = await Promise.all(rows.map(async (row) => (await row.boundingBox())!.y));
  expect(tops.toSorted((a, b) => a - b)).toEqual([tops[1], tops[2], tops[0]]);
  const from = await Promise.all(rows.map((row) => row.getAttribute("data-from")));
  balancer.end();
  return from.map((text) => Number(/-?\d+(?=00%)/.exec(text ?? "")));
}

test("a row that is overtaken glides down, and those that overtake it glide up", {
  tag: "@slow",
}, async ({ page, stage }) => {
  expect(await glides(page, await stage.archive())).toEqual([-2, 1, 1]);
});

test("without motion rows are at once where they belong", { tag: "@slow" }, async ({
  page,
  stage,
}) => {
  await page.emulateMedia({ reducedMotion: "reduce" });
  expect(await glides(page, await stage.archive())).toEqual([0, 0, 0]);
});
