/** What goes wrong around the page, and what is strange in what it is told. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { Cable } from "./cable";
import { expect, expectAccessible, expectNarrow, send, test } from "./stage";

test("a past that cannot be had is said to be missing, and filled in later", {
  tag: "@slow",
}, async ({ page, race }) => {
  await race.result();
  const faults = ["cut", "not JSON"];
  await page.route("**/api/history?*", (route) => {
    const fault = faults.shift();
    if (fault === "cut") return route.abort();
    if (fault !== undefined) return route.fulfill({ body: `{"boot": ${fault}` });
    return route.continue();
  });
  await page.goto(`${race.admin}/?scenario=T1&show=score`);
  const missing = page.getByText("Some of the past is missing");
  await expect(missing).toBeVisible();
  await expect(missing).toBeHidden();
  const chart = page.getByRole("application", { name: /^Score/ });
  await chart.press("Home");
  await chart.press("ArrowRight");
  await expect(chart.getByRole("status")).toContainText("0 s");
});

test("a route whose details fail once has them a moment later", { tag: "@slow" }, async ({
  page,
  stage,
}) => {
  const serve = ["serve", ...(await stage.servers(200)), "--port", "0", "--admin-port", "0"];
  const { said } = await stage.run(...serve);
  await send(said.data, 2);
  let failed = false;
  await page.route(/\/api\/routes\/[^/]+$/, (route) => {
    if (failed) return route.continue();
    failed = true;
    return route.abort();
  });
  await page.goto(`${said.admin}/route`);
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("cascade");
  await send(said.data, 1);
  await expect
    .poll(async () => {
      await send(said.data, 1);
      return page.getByText("Latency in the balancer").count();
    })
    .toBe(1);
});

test("pages show other records when the balancer is back with them", { tag: "@slow" }, async ({
  page,
  stage,
}) => {
  const serve = ["serve", ...(await stage.servers(200)), "--port", "0", "--admin-port", "0"];
  const first = await stage.run(...serve, "--data-dir", "one");
  await send(first.said.data, 3);
  const cable = await Cable.to(first.said.admin);
  const [{ session }] = await (await fetch(`${first.said.admin}/api/sessions`)).json();
  const open = async (address: string) => {
    const tab = await page.context().newPage();
    await tab.goto(cable.address + address);
    return tab;
  };
  const sessions = await open("/runs");
  const strategies = await open("/strategies");
  await expect(sessions.getByText(session)).toBeVisible();
  await expect(strategies.getByText("No round yet")).toHaveCount(3);
  cable.cut();
  await first.stop("SIGKILL");
  await expect(sessions.getByText("The balancer does not answer")).toBeVisible();
  await strategies.getByRole("button", { name: "One round" }).click();
  await expect(strategies.getByRole("alert").first()).toBeVisible();
  const second = await stage.run(...serve, "--data-dir", "two");
  cable.mend(second.said.admin);
  const [other] = await (await fetch(`${second.said.admin}/api/sessions`)).json();
  await expect(sessions.getByText(other.session)).toBeVisible();
  await expect(sessions.getByText(session)).toBeHidden();
  await expect(strategies.getByText("Last round")).toHaveCount(3);
  await expect(strategies.getByRole("main").getByRole("alert")).toHaveCount(0);
  cable.end();
});

const NAMES = ["<img src=x onerror=alert(1)>", "n".repeat(120), "=1+1", "orders"];

test("routes of one strategy go by their names, whatever these are", { tag: "@slow" }, async ({
  page,
  stage,
}) => {
  const servers = ["http://127.0.0.1:9", `http://${"x".repeat(60)}.invalid:9`];
  const routes = NAMES.map((name, at) =>
    [
      `[routes.${JSON.stringify(name)}]`,
      `path = "/r${at}"`,
      'kind = "ids"',
      'pool = "p"',
      'strategy = "v4"',
    ].join("\n"),
  );
  const config = join(stage.folder, "names.toml");
  const pool = `[pools.p]\nservers = ${JSON.stringify(servers)}`;
  writeFileSync(config, [pool, ...routes].join("\n\n"));
  const { said } = await stage.run(
    ...["serve", "--config", config, "--port", "0", "--admin-port", "0", "--data-dir", "names"],
  );
  await Promise.all(NAMES.map((_, at) => send(`${said.data}/r${at}`, 1)));
  await page.goto(said.admin);
  for (const name of NAMES) await expect(page.getByRole("link", { name })).toBeVisible();
  await expectAccessible(page);
  await page.goto(`${said.admin}/?view=race`);
  await page.getByRole("searchbox").fill("orders");
  await expect(page.getByRole("table").getByRole("link")).toHaveCount(1);
  await page.goto(`${said.admin}/route?name=${NAMES[1]}`);
  await expect(page.getByRole("heading", { level: 1 })).toContainText(NAMES[1]!);
  await expect(page.getByRole("button", { name: /invalid:9 failed/ }).first()).toBeVisible();
  await expectAccessible(page);
  await page.setViewportSize({ width: 390, height: 844 });
  await expectNarrow(page);
});
