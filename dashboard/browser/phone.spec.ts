/** Every page on a phone. */
import { expect, expectNarrow, expectPressable, test } from "./stage";

test.use({
  viewport: { width: 390, height: 844 },
  deviceScaleFactor: 3,
  isMobile: true,
  hasTouch: true,
});

test("every page fits a phone, and fingers find what is to be pressed", { tag: "@slow" }, async ({
  page,
  race,
}) => {
  test.slow();
  const { session } = await race.result();
  const runs = await (await fetch(`${race.admin}/api/runs`)).json();
  const pages = {
    "/": "v6",
    "/?scenario=T1&show=p99": "p99 in the balancer on T1",
    "/route?name=v6-T2": "Latency in the balancer",
    [`/compare?session=${session}`]: "Regret by scenario",
    "/runs": "Race",
    "/runs?by=run": "v6",
    [`/runs?replay=${session}&at=2`]: "v6",
    [`/runs?replay=${runs[0].run}&at=2`]: "Servers",
    "/strategies?play=v4+v6": "Rounds",
    "/nowhere": "Live",
  };
  for (const [path, shown] of Object.entries(pages)) {
    await test.step(path, async () => {
      await page.goto(race.admin + path);
      await expect(
        page.getByRole("main").getByText(shown).filter({ visible: true }).first(),
      ).toBeVisible();
      await expectNarrow(page);
      await expectPressable(page);
    });
  }
  await page.getByRole("navigation").getByRole("link", { name: "Live" }).tap();
  const lane = page.locator("[data-label='Race to the bound'] > div").first();
  expect((await lane.boundingBox())!.width).toBeGreaterThan(200);
  await page.getByRole("link", { name: "v4" }).first().tap();
  await expect(page).toHaveURL(/route\?name=v4/);
});
