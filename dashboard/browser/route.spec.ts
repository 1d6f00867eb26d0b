import { readFileSync } from "node:fs";
import { expect, expectAccessible, test } from "./stage";

test("from the race to a route in full, and on to another", { tag: "@slow" }, async ({
  page,
  race,
}) => {
  await race.result();
  await page.goto(`${race.admin}/?scenario=T2`);
  await page.getByRole("link", { name: "v6" }).click();
  await expect(page).toHaveURL(/\/route\?name=v6-T2/);
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("v6on T2");

  const detail = await (await fetch(`${race.admin}/api/routes/v6-T2`)).json();
  const servers = page.getByRole("table", { name: "Servers of this route" });
  await expect(servers.getByRole("columnheader", { name: "Truth" })).toBeVisible();
  for (const [place, server] of detail.servers.server.entries()) {
    const row = servers.getByRole("row", { name: `:${new URL(server).port}` });
    const says = (label: string, value: unknown) =>
      expect(row.locator(`[data-label="${label}"]`)).toHaveText(String(value));
    await says("Attempts", detail.servers.attempts[place]);
    await says("Refused", detail.servers.rate_limited[place]);
    await says("Truth", detail.truth[place].toFixed(2));
  }
  const took = new RegExp(`^${detail.requests} requests took`);
  await expect(page.getByRole("img", { name: took })).toBeVisible();
  await expectAccessible(page);

  const chart = page.getByRole("application", { name: /^Choices over time/ });
  await chart.press("ArrowRight");
  await chart.press("ArrowRight");
  await expect(chart.getByRole("status")).toContainText(" %");
  await page.getByRole("button", { name: "Next route" }).click();
  await expect(page).not.toHaveURL(/v6-T2/);
  await page.getByRole("combobox", { name: "Route" }).selectOption("v4-T1");
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("v4on T1");
});

test("why a server was chosen", { tag: "@slow" }, async ({ page, race }) => {
  await race.result();
  const { decisions } = await (await fetch(`${race.admin}/api/routes/v6-T2/decisions`)).json();
  await page.goto(`${race.admin}/route?name=v6-T2`);
  const newest = page
    .getByRole("list", { name: /newest first/ })
    .getByRole("button")
    .first();
  await newest.click();
  const last = decisions.findLast(
    ({ request }: { request: number }) => request === decisions.at(-1).request,
  );
  const port = new URL(last.server).port;
  await expect(page.getByRole("heading", { name: new RegExp(`^Why :${port}\\?`) })).toBeVisible();
  const standing = page.getByRole("region", { name: "Why" }).getByRole("listitem");
  await expect(standing).toHaveCount(last.index.length);
  const highest = Math.max(
    ...last.index.filter((_: number, place: number) => last.eligible[place]),
  );
  const said = await standing.filter({ hasText: "chosen" }).locator(".num").last().textContent();
  expect(Number(said!.replace("−", "-"))).toBeCloseTo(highest, 3);
  await page.getByRole("radio", { name: "Tried again" }).click();
  await expect(page).toHaveURL(/feed=again/);
  const drawn = page.waitForEvent("download");
  await page.getByRole("button", { name: "Save “Latency in the balancer” as PNG" }).click();
  expect(readFileSync(await (await drawn).path()).length).toBeGreaterThan(3_000);
});

test("a route that is not there says where the others are", { tag: "@slow" }, async ({
  page,
  race,
}) => {
  await page.goto(`${race.admin}/route?name=<b>none</b>`);
  await expect(
    page.getByRole("heading", { name: "No route “<b>none</b>” is running" }),
  ).toBeVisible();
  await page.getByRole("link", { name: "Live" }).last().click();
  await expect(page.getByRole("heading", { name: "Race", exact: true })).toBeVisible();
});
