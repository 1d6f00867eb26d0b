/** Home of `flb serve`: what is wrong is read off the page. */
import { expect, expectAccessible, expectNarrow, send, test } from "./stage";

test("a server that fails is named, with what can be done about it", async ({ page, stage }) => {
  const servers = await stage.servers(200, 500, 200);
  const flags = ["--port", "0", "--admin-port", "0", "--strategy", "round-robin"];
  const { said } = await stage.run("serve", ...servers, ...flags);
  const failing = new URL(servers[3]!).port;
  await send(said.data, 3);
  await page.goto(said.admin);
  const health = page.getByRole("region", { name: "Health" });
  await expect(health).toContainText("Nothing is wrong: 3 servers up"); // it sees what comes
  await send(said.data, 30);
  await expect(health).toContainText(`1 of 3 servers in trouble: :${failing}`);
  const table = page.getByRole("table", { name: "Servers of default, by trouble" });
  const first = table.getByRole("row").nth(1);
  await expect(first).toContainText("failing");
  await expect(first.locator("[data-label=Server]")).toHaveText(`:${failing}`);
  const snapshot = await (await fetch(`${said.admin}/api/snapshot`)).json();
  expect(snapshot.routes[0].requests).toBe(33);
  await expect(page.getByRole("application", { name: /^Requests of default/ })).toBeVisible();

  // Nothing is done without a question.
  await first.getByRole("button", { name: `Drain :${failing}` }).click();
  await expect(first.getByRole("group", { name: /Send nothing to/ })).toBeVisible();
  await first.getByRole("button", { name: "Yes" }).click();
  const drained = table.getByRole("row", { name: new RegExp(`:${failing}`) });
  await expect(drained).toContainText("drained");
  await expect(health).toContainText("Nothing is wrong: 2 servers up. 1 server drained.");
  await drained.getByRole("button", { name: /^Send to/ }).click();
  await drained.getByRole("button", { name: "Yes" }).click();
  await expect(drained.getByRole("button", { name: `Drain :${failing}` })).toBeVisible();
  await page.getByRole("button", { name: "Reload" }).click();
  await page.getByRole("button", { name: "Yes" }).click();
  await expect(health.getByRole("alert")).toContainText("file"); // it was started with flags
  await expectAccessible(page);
  await page.setViewportSize({ width: 390, height: 844 });
  await expectNarrow(page);
  await page.getByRole("link", { name: "scores of the strategies" }).click();
  await expect(page.getByRole("heading", { name: "Race" })).toBeVisible();
});
