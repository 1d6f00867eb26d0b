import { readFileSync } from "node:fs";
import { expect, expectAccessible, test } from "./stage";

test("strategies are played by hand, round by round, and a link brings it all back", {
  tag: "@slow",
}, async ({ page, stage }) => {
  const admin = await stage.archive();
  await page.goto(`${admin}/strategies?play=v4+v2+v6`);
  const thompson = page.getByRole("region", { name: "v4", exact: true });
  const rounds = thompson.getByText("Rounds", { exact: true }).locator("xpath=..");
  await expect(rounds).toHaveText("Rounds0");

  await page.getByRole("button", { name: "Ten rounds" }).click();
  await expect(rounds).toHaveText("Rounds10");
  await page.getByRole("button", { name: "Add a refusal of A" }).click();
  await page.getByRole("button", { name: "One round" }).click();
  await expect(rounds).toHaveText("Rounds11");
  const masked = page.getByRole("region", { name: "v6", exact: true });
  await expect(masked.getByText("not eligible")).toBeVisible();
  const last = thompson.getByRole("list", { name: "Attempts of the last round of v4" });
  await expect(last.getByRole("listitem").first()).toBeVisible();

  const told = await last.textContent();
  await page.reload();
  await expect(rounds).toHaveText("Rounds11");
  expect(await last.textContent()).toBe(told);
  await expectAccessible(page);

  const saving = page.waitForEvent("download");
  await thompson.getByRole("button", { name: /PNG/ }).click();
  const picture = await saving;
  expect(
    readFileSync(await picture.path())
      .subarray(1, 4)
      .toString(),
  ).toBe("PNG");
  expect(picture.suggestedFilename()).toBe("v4-chooses.png");

  const slider = page.getByRole("slider", { name: /^A/ });
  await slider.focus();
  await page.keyboard.press("ArrowRight");
  await expect(page).toHaveURL(/rates=71-40-55/);
  await page.getByRole("button", { name: "Autoplay" }).click();
  await expect(rounds).toHaveText(/^Rounds(1[2-9]|[2-9]\d|\d{3,})$/);
  await page.getByRole("button", { name: "Pause" }).click();
  await page.getByRole("button", { name: "Reset" }).click();
  await expect(rounds).toHaveText("Rounds0");
});

test("what cannot be played is said, and the catalogue has everything", { tag: "@slow" }, async ({
  page,
  stage,
}) => {
  const admin = await stage.archive();
  const rows = await (await fetch(`${admin}/api/strategies`)).json();
  await page.goto(`${admin}/strategies?play=v4:a=-1+v99`);
  await expect(page.getByRole("main").getByRole("alert")).toHaveCount(2);
  const table = page.getByRole("table", { name: "Strategies" });
  for (const { name } of rows) {
    await expect(table.getByText(name, { exact: true })).toBeVisible();
  }
  const saving = page.waitForEvent("download");
  await page.getByRole("button", { name: "CSV" }).click();
  const lines = readFileSync(await (await saving).path(), "utf8")
    .trim()
    .split("\r\n");
  expect(lines).toHaveLength(rows.length + 1);
});

test("a tour of five steps ends where waiting has paid", { tag: "@slow" }, async ({
  page,
  stage,
}) => {
  const admin = await stage.archive();
  await page.goto(`${admin}/strategies`);
  await page.getByRole("button", { name: "Take the tour" }).click();
  const tour = page.getByRole("region", { name: "Tour" });
  for (let step = 1; step < 4; step++) {
    await expect(tour).toContainText(`Step ${step} of 5`);
    await tour.getByRole("button", { name: "Next" }).click();
  }
  await expect(tour).toContainText("What waiting buys");
  const score = async (name: string) => {
    const stand = page.getByRole("region", { name, exact: true });
    const shown = stand.getByText("Score", { exact: true }).locator("xpath=..");
    return Number((await shown.textContent())!.replace("Score", "").replace("−", "-"));
  };
  const ahead = async () => (await score("cascade")) - (await score("v6"));
  await expect.poll(ahead).toBeGreaterThan(50); // what was shown before stays until it is played
  await expectAccessible(page);
  await page.getByRole("slider", { name: "Limit of B" }).focus();
  await page.keyboard.press("ArrowRight");
  await expect(page).toHaveURL(/limits=2-3-2/);
  await tour.getByRole("button", { name: "Leave the tour" }).click();
  await expect(tour).toBeHidden();
});
