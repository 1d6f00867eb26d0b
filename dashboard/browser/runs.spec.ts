import { readFileSync } from "node:fs";
import { expect, expectAccessible, test } from "./stage";

test("what was recorded is listed, and replayed while nothing runs", { tag: "@slow" }, async ({
  page,
  stage,
}) => {
  const { said } = await stage.run(
    ...["harness", "--strategy", "v4", "--strategy", "v6", "--scenario", "T1", "--requests", "40"],
    ...["--rate", "10", "--free-ports", "--no-stay", "--no-dashboard"],
  );
  const admin = await stage.archive();
  const runs: { strategy: string; score: number; delivered: number }[] = said.runs;
  await page.emulateMedia({ reducedMotion: "reduce" }); // or it would begin to play by itself
  await page.goto(admin);
  await page.getByRole("main").getByRole("link", { name: "Runs" }).click();
  await page.getByRole("searchbox").fill(said.session);
  await page.getByRole("button", { name: /^Runs of/ }).click();
  await page.getByRole("button", { name: /^Edit/ }).click();
  const form = page.getByRole("form", { name: `Edit ${said.session}` });
  await form.getByLabel("Name").fill("Before the change");
  await form.getByLabel(/^Tags/).fill("baseline, t1");
  await form.getByLabel("Note").fill("As it was");
  await form.getByLabel(/^Pinned/).check();
  await expectAccessible(page);
  await form.getByRole("button", { name: "Save" }).click();
  await expect(page.getByText("Before the change")).toBeVisible();
  await page.getByRole("searchbox").fill("baseline");
  await expect(page.getByRole("rowheader", { name: "Pinned" })).toBeVisible();
  const [row0] = await (await fetch(`${admin}/api/sessions`)).json();
  expect(row0).toMatchObject({ name: "Before the change", tags: ["baseline", "t1"], pinned: true });
  const table = page.getByRole("table", { name: /^Runs of/ });
  for (const { strategy, score } of runs) {
    const row = table.getByRole("row", { name: new RegExp(strategy) });
    await expect(row).toContainText(String(score));
  }
  await expectAccessible(page);
  const saving = page.waitForEvent("download");
  await page
    .getByRole("link", { name: /^Attempts of run/ })
    .first()
    .click();
  expect(readFileSync(await (await saving).path(), "utf8")).toContain("succeeded");

  await page
    .getByRole("main")
    .getByRole("link", { name: /^Replay \d/ })
    .first()
    .click();
  const slider = page.getByRole("slider", { name: "Moment of the replay" });
  await expect(slider).toHaveValue("0");
  const row = page.getByRole("table", { name: "Running routes" }).getByRole("row", { name: /v6/ });
  await page.keyboard.press("End");
  const { delivered, score } = runs.find((run) => run.strategy === "v6")!;
  await expect(row).toContainText(String(delivered));
  await expect(row).toContainText(String(score));
  await page.keyboard.press("ArrowLeft");
  await page.keyboard.press("ArrowLeft");
  const told = await slider.inputValue();
  expect(Number(told)).toBeLessThan(Number(await slider.getAttribute("max")));
  await page.getByRole("radio", { name: "16×" }).click();
  await expect(page).toHaveURL(/at=\d/);
  const shown = await row.textContent();
  await page.reload();
  await expect.poll(async () => Number(await slider.inputValue())).toBeCloseTo(Number(told), 2);
  expect(await row.textContent()).toBe(shown);
  await expect(page.getByRole("radio", { name: "16×" })).toBeChecked();
  await page.getByRole("button", { name: "To the beginning" }).click();
  await page.getByRole("button", { name: "Play" }).click();
  const end = Number(await slider.getAttribute("max"));
  await expect.poll(async () => Number(await slider.inputValue())).toBeCloseTo(end, 2);
  await expect(page.getByRole("button", { name: "Play" })).toBeVisible();
  await expectAccessible(page);

  await page.goto(`${admin}/runs?by=run&q=v4+${said.session}`);
  await expect(page.getByRole("table").getByRole("row")).toHaveCount(2);
  await page.getByRole("link", { name: /^Replay run/ }).click();
  await expect(page.getByText(/run \d+: v4 on T1/)).toBeVisible();
  await page.keyboard.press("End");
  const facts = page.getByText("Score", { exact: true }).first().locator("xpath=..");
  await expect(facts).toContainText(String(runs.find((run) => run.strategy === "v4")!.score));
  await page.goto(`${admin}/runs`);
  await expect(page.getByRole("searchbox")).toBeVisible();
  await page.keyboard.press("/");
  await expect(page.getByRole("searchbox")).toBeFocused();
  await page.getByRole("searchbox").fill(said.session);
  await page.getByRole("button", { name: /^Edit/ }).click();
  await page.getByRole("button", { name: /^Delete/ }).click();
  await page.getByRole("button", { name: "Yes" }).click();
  await expect(page.getByText("Before the change")).toBeHidden();
  await page.goto(`${admin}/runs?replay=999`);
  await expect(page.getByRole("main").getByRole("alert")).toContainText("no such run");
});

test("a session of a machine that did not keep up is void wherever it is shown", {
  tag: "@slow",
}, async ({ page, stage }) => {
  const words = ["--strategy", "v4", "--scenario", "T1", "--requests", "5", "--free-ports"];
  const strict = ["--tolerance", "0", "--no-stay"]; // no machine keeps up with that
  const { session } = (await stage.run("harness", ...words, ...strict)).said;
  const archive = await stage.archive();
  const alert = page.getByRole("alert").filter({ hasText: "INVALID: overloaded" });
  for (const path of [`/runs?replay=${session}`, `/compare?session=${session}`]) {
    await page.goto(`${archive}${path}`);
    await expect(alert).toBeVisible();
  }
  await expectAccessible(page);
});
