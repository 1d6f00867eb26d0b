import { readFileSync } from "node:fs";
import { expect, expectAccessible, test } from "./stage";

test("a simulated session and one that ran, alone and side by side", { tag: "@slow" }, async ({
  page,
  stage,
}) => {
  const short = ["--requests", "8", "--rate", "20"];
  await stage.run(
    ...["harness", "--strategy", "v4", "--strategy", "random", "--scenario", "T1"],
    ...["--scenario", "T2", ...short, "--free-ports", "--no-stay", "--no-dashboard"],
  );
  await stage.run(
    ...["compare", "--strategy", "v4", "--strategy", "random", "--strategy", "oracle"],
    ...["--sweep", "v7:memory=10|30|50"],
    ...["--scenario", "T1", "--scenario", "T2", "--replications", "30", "--save"],
  );
  const admin = await stage.archive();
  const rows = await (await fetch(`${admin}/api/sessions`)).json();
  const [simulated, ran] = rows.map((row: { session: string }) => row.session);
  const { comparison } = await (await fetch(`${admin}/api/sessions/${simulated}`)).json();

  await page.goto(`${admin}/compare`);
  const table = page.getByRole("table", { name: /Simulation/ });
  const whole = comparison.overall.find((cell: { strategy: string }) => cell.strategy === "v4");
  const row = table.getByRole("row", { name: /v4/ });
  await expect(row).toContainText(`${whole.regret.mean.toFixed(1)}`);
  await expect(row).toContainText(`±${(whole.regret.ci95[1] - whole.regret.mean).toFixed(1)}`);
  await expect(row.getByText("best")).toBeVisible();
  await expect(table.getByRole("row", { name: /oracle/ })).toContainText("reference");
  await expect(page.getByText(comparison.verdicts.at(-1).verdict)).toBeVisible();

  await expect(
    page.getByRole("img", { name: /^Regret of v7 over memory.*v7:memory=50/ }),
  ).toBeVisible();

  await page.getByRole("button", { name: "Scenarios of v4" }).press("Enter");
  await expect(table.getByRole("row", { name: /^T2/ })).toBeVisible();
  await table.getByRole("button", { name: "Score" }).click();
  await page.getByRole("radio", { name: "T2" }).click();
  await expect(page).toHaveURL(/scenario=T2/);
  await expect(page).toHaveURL(/sort=score/);
  const saving = page.waitForEvent("download");
  await page.getByRole("button", { name: "CSV" }).click();
  const lines = readFileSync(await (await saving).path(), "utf8")
    .trim()
    .split("\r\n");
  expect(lines).toHaveLength(1 + comparison.cells.length + comparison.overall.length);

  await page.getByRole("combobox", { name: "Beside it" }).selectOption(ran);
  await expect(page.getByRole("table", { name: /Race/ })).toBeVisible();
  await expect(page.getByText("One run each: scores that differ")).toBeVisible();
  await expect(page.getByRole("table", { name: /Race/ }).getByText("best")).toHaveCount(0);
  await page.reload();
  await expect(page.getByRole("table", { name: "Difference of two sessions" })).toBeVisible();
  await expect(page.getByRole("table")).toHaveCount(3);
  await expectAccessible(page);
  const drawing = page.waitForEvent("download");
  await page
    .getByRole("button", { name: /Save “Regret by scenario.*PNG/ })
    .first()
    .click();
  expect(
    readFileSync(await (await drawing).path())
      .subarray(1, 4)
      .toString(),
  ).toBe("PNG");

  await page.goto(`${admin}/compare?session=unknown`);
  await expect(page.getByRole("main").getByRole("alert")).toContainText("no such session");
});

test("nothing is recorded yet", { tag: "@slow" }, async ({ page, stage }) => {
  const empty = ["--data-dir", "empty"];
  const { said } = await stage.run("dashboard", "--admin-port", "0", ...empty);
  await page.goto(`${said.admin}/compare`);
  await expect(page.getByText("There is nothing to compare yet")).toBeVisible();
});
