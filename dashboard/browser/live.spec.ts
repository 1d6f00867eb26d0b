import { readFileSync } from "node:fs";
import { Cable } from "./cable";
import { expect, expectAccessible, send, test } from "./stage";

test("a race from its start to its end, as the harness saw it", async ({ page, race }) => {
  await page.goto(race.admin);
  await expect(page.getByText("4 routes: 2 strategies on T1, T2")).toBeVisible();
  const { runs } = await race.result();
  expect(runs).toHaveLength(4);
  for (const run of runs) {
    const group = page.getByRole("rowgroup").filter({ hasText: String(run.scenario) });
    const row = group.getByRole("row", { name: String(run.strategy) });
    for (const key of ["score", "delivered", "paid_attempts", "rate_limited"]) {
      const names = { score: "Score", delivered: "Delivered", paid_attempts: "Paid" };
      const label = names[key as keyof typeof names] ?? "Refused";
      await expect(row.locator(`[data-label="${label}"]`)).toHaveText(String(run[key]));
    }
  }
  await expectAccessible(page);
});

test("what is shown is in the address, and can be taken along", { tag: "@slow" }, async ({
  page,
  race,
}) => {
  await page.goto(race.admin);
  await page.getByRole("radio", { name: "T2" }).click();
  await page.getByRole("radio", { name: "Score" }).click();
  await page.getByRole("searchbox").fill("v6");
  await page.getByRole("button", { name: "Paid" }).click();
  await expect(page).toHaveURL(/scenario=T2&show=score&strategy=v6&sort=paid_attempts/);
  await page.reload();
  await expect(page.getByRole("rowheader")).toHaveText(["T2"]);
  await expect(page.getByRole("link", { name: "v6" })).toHaveCount(1);
  await expect(page.getByRole("link", { name: "v4" })).toHaveCount(0);
  const saved = page.waitForEvent("download");
  await page.getByRole("button", { name: "CSV" }).click();
  const lines = readFileSync(await (await saved).path(), "utf8")
    .trim()
    .split("\r\n");
  expect(lines).toHaveLength(2);
  expect(lines[0]).toContain("strategy,route,regret,score");
  expect(lines[1]).toContain("v6,v6-T2,");
  const drawn = page.waitForEvent("download");
  await page.getByRole("button", { name: "Save “Score on T2” as PNG" }).click();
  expect((await drawn).suggestedFilename()).toBe("score-on-t2.png");
  const png = readFileSync(await (await drawn).path());
  expect(png.subarray(1, 4).toString()).toBe("PNG");
  expect(png.length).toBeGreaterThan(5_000);
});

test("the first request, and a balancer that is killed and started again", {
  tag: "@slow",
}, async ({ page, stage }) => {
  const serve = ["serve", ...(await stage.servers(200, 500)), "--port", "0", "--strategy", "v4"];
  serve.push("--admin-port", "0", "--kind", "ids", "--fresh");
  const first = await stage.run(...serve);
  const cable = await Cable.to(first.said.admin);
  await page.goto(`${cable.address}/?view=race`);
  await expect(page.getByText("no request has come yet")).toBeVisible();
  await expect(page.getByText(`${first.said.data}/`)).toBeVisible();
  await expectAccessible(page);
  await send(first.said.data, 5);
  const row = page.getByRole("row", { name: /v4/ });
  await expect(row.locator('[data-label="Delivered"]')).toHaveText("5");

  const lost = page.getByText("The balancer does not answer");
  cable.cut();
  await expect(lost).toBeVisible();
  await send(first.said.data, 7);
  await new Promise((resolve) => setTimeout(resolve, 1500)); // three frames that the page misses
  const missed = await (await fetch(`${first.said.admin}/api/snapshot`)).json();
  expect(missed.routes[0].delivered).toBe(12);
  await first.stop("SIGKILL");
  const second = await stage.run(...serve);
  cable.mend(second.said.admin);
  await expect(lost).toBeHidden();
  await send(second.said.data, 3);
  await expect(row.locator('[data-label="Delivered"]')).toHaveText("3");

  // The records tell what happened while nobody looked.
  const chart = page.getByRole("application", { name: /^Score/ });
  const seen: string[] = [];
  for (let step = 0; step < 20; step++) {
    await chart.press("ArrowRight");
    seen.push((await chart.getByRole("status").textContent()) ?? "");
  }
  expect(seen).toContainEqual(expect.stringMatching(`v4${missed.routes[0].score}$`));
  cable.end();
});
