import { expect, expectAccessible, send, test } from "./stage";

test("a single route in production, from before its first request on", async ({ page, stage }) => {
  const { said } = await stage.serve("T1", "--strategy", "v6");
  await page.goto(said.admin);
  await expect(page.getByText("no request has come yet")).toBeVisible();
  await expect(page.getByText(`${said.data}/`)).toBeVisible();
  await expectAccessible(page);
  await send(said.data, 20);
  await expect(page.getByRole("row", { name: /v6/ })).toContainText("20");
  const snapshot = await (await fetch(`${said.admin}/api/snapshot`)).json();
  const row = page.getByRole("row", { name: /v6/ });
  for (const key of ["delivered", "paid_attempts", "rate_limited"]) {
    await expect(row).toContainText(String(snapshot.routes[0][key]));
  }
  await expectAccessible(page);
});

test("the balancer is killed and started again, and the page goes on", async ({ page, stage }) => {
  const first = await stage.serve("T1", "--strategy", "v4");
  const port = new URL(first.said.admin).port;
  await send(first.said.data, 5);
  await page.goto(first.said.admin);
  await expect(page.getByRole("row", { name: /v4/ })).toBeVisible();
  await first.stop("SIGKILL");
  await expect(page.getByText("The balancer does not answer")).toBeVisible();
  const { said } = await stage.run(
    ...["serve", "--server", "http://127.0.0.1:9", "--port", "0", "--admin-port", port],
    ...["--strategy", "v4"],
  );
  await expect(page.getByText("The balancer does not answer")).toBeHidden();
  await send(said.data, 3);
  await expect(page.getByRole("row", { name: /v4/ })).toContainText("10.00");
});
