/** What browser tests play on: flaky servers and a balancer, on free ports, gone at the end. */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import AxeBuilder from "@axe-core/playwright";
import { test as base, expect, type Page } from "@playwright/test";

const PYTHON = process.env.FLB_PYTHON ?? join(import.meta.dirname, "../../.venv/bin/python");

/** A program `flb` that says where it is, in JSON on stdout; one that is to stay, on stderr. */
export class Program {
  // biome-ignore lint/suspicious/noExplicitAny: each command says something else
  private readonly words: Promise<any>;
  // biome-ignore lint/suspicious/noExplicitAny: as above
  said: any;

  private constructor(
    private readonly process: ChildProcess,
    /** Where a harness that stays shows its race; on stdout it says nothing before the end. */
    readonly admin = "",
  ) {
    this.words = new Promise((resolve) => {
      let text = "";
      this.process.stdout!.on("data", (more) => {
        text += more;
        const end = text.indexOf("\n");
        if (end >= 0) resolve(JSON.parse(text.slice(0, end)));
      });
    });
  }

  static async start(folder: string, ...words: string[]): Promise<Program> {
    const flb = ["-m", "flaky_load_balancer", ...words, "--json", "-"];
    const process = spawn(PYTHON, flb, { cwd: folder, stdio: ["ignore", "pipe", "pipe"] });
    let errors = "";
    let shown = (_: string): void => undefined;
    const address = new Promise<string>((resolve) => {
      shown = resolve;
    });
    process.stderr.on("data", (text) => {
      errors += text;
      const found = /dashboard (http:\S+)/.exec(errors);
      if (found !== null) shown(found[1]!);
    });
    const gone = new Promise<never>((_, reject) => {
      process.once("exit", () => reject(new Error(`flb ${words.join(" ")} ended: ${errors}`)));
    });
    gone.catch(() => undefined);
    if (words.includes("--stay")) return new Program(process, await Promise.race([address, gone]));
    const program = new Program(process);
    program.said = await Promise.race([program.words, gone]);
    return program;
  }

  /** What the harness says in the end, when all runs are over. */
  async result(): Promise<Result> {
    return this.words;
  }

  async stop(signal: NodeJS.Signals = "SIGTERM"): Promise<void> {
    if (this.process.exitCode !== null || this.process.signalCode !== null) return;
    const ended = new Promise((resolve) => this.process.once("exit", resolve));
    this.process.kill(signal);
    await ended;
  }
}

export interface Result {
  session: string;
  runs: Record<string, string | number>[];
}

export class Stage {
  readonly folder = mkdtempSync(join(tmpdir(), "flb-page-"));
  private programs: Program[] = [];
  private local: Server[] = [];
  private records: Promise<Program> | undefined;
  private serving: Program | undefined;

  /** One `flb serve` after the other: a second one of the same data directory is refused. */
  async run(...words: string[]): Promise<Program> {
    if (words[0] === "serve") await this.serving?.stop();
    const program = await Program.start(this.folder, ...words);
    if (words[0] === "serve") this.serving = program;
    this.programs.push(program);
    return program;
  }

  /** `flb dashboard` over everything that was recorded on this stage; started once. */
  async archive(): Promise<string> {
    this.records ??= this.run("dashboard", "--admin-port", "0");
    return (await this.records).said.admin;
  }

  /** Servers that are up at once, as they run in here: each answers with its status. */
  async servers(...statuses: number[]): Promise<string[]> {
    const flags: string[] = [];
    for (const status of statuses) {
      const server = createServer((_, answer) => answer.writeHead(status).end());
      this.local.push(server);
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
      flags.push("--server", `http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    }
    return flags;
  }

  /** A fleet, and a balancer with one route before it. */
  async serve(scenario: string, ...more: string[]): Promise<Program> {
    const { said } = await this.run("servers", "--scenario", scenario, "--free-ports");
    const servers = said.fleets[0].servers.flatMap((each: string) => ["--server", each]);
    return this.run("serve", ...servers, "--port", "0", "--admin-port", "0", ...more);
  }

  async end(): Promise<void> {
    await Promise.all(this.programs.map((program) => program.stop("SIGINT")));
    for (const server of this.local) server.close().closeAllConnections();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** Send requests to a path of the data plane, one after the other. */
export async function send(address: string, many: number): Promise<void> {
  for (let index = 0; index < many; index++) {
    const id = `Page${index}`.padEnd(24, "0");
    const headers = { "Content-Type": "text/plain" };
    await fetch(address, { method: "POST", headers, body: id });
  }
}

/** A test that fails if the page says an error on the console, or asks anyone but the balancer. */
export const test = base.extend<{ errors: string[] }, { stage: Stage; race: Program }>({
  // To start programs takes most of the time: those that go on running are there for all tests.
  stage: [
    // biome-ignore lint/correctness/noEmptyPattern: playwright wants a pattern
    async ({}, use) => {
      const stage = new Stage();
      await use(stage);
      await stage.end();
    },
    { scope: "worker" },
  ],
  /** A whole `flb harness` of two strategies on two scenarios, and its dashboard afterwards. */
  race: [
    async ({ stage }, use) => {
      const strategies = ["--strategy", "v4", "--strategy", "v6"];
      const scenarios = ["--scenario", "T1", "--scenario", "T2"];
      const how = ["--requests", "40", "--stay", "--free-ports"];
      await use(await stage.run("harness", ...strategies, ...scenarios, ...how));
    },
    { scope: "worker" },
  ],
  errors: [
    async ({ page }, use) => {
      const errors: string[] = [];
      page.on("pageerror", (error) => errors.push(error.message));
      page.on("console", (message) => {
        // That a connection is lost, the browser says by itself; what we make of it is tested.
        if (
          message.type() === "error" &&
          !message.text().includes("net::ERR_") &&
          !/status of 4(04|09|22)/.test(message.text())
        )
          errors.push(message.text());
      });
      page.on("request", (request) => {
        const address = new URL(request.url());
        const ours = ["data:", "blob:"].includes(address.protocol);
        if (!ours && address.hostname !== "127.0.0.1") errors.push(`asked ${address}`);
      });
      await use(errors);
      expect(errors).toEqual([]);
    },
    { auto: true },
  ],
});

type AxeOptions = Parameters<AxeBuilder["options"]>[0];

const LEVELS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
const PRESSABLE = { "target-size": { enabled: true } }; // axe has it, and leaves it out

/** axe finds nothing in either theme, and no page is scrolled sideways on a phone or at 200 %. */
export async function expectAccessible(page: Page): Promise<void> {
  for (const colorScheme of ["light", "dark"] as const) {
    await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
    await expectNothing(page, colorScheme, { runOnly: LEVELS, rules: PRESSABLE });
  }
  const size = page.viewportSize()!;
  for (const width of [390, 640]) {
    await page.setViewportSize({ width, height: 844 });
    await expectNarrow(page);
  }
  await page.setViewportSize(size);
}

/** What is to be pressed is large enough, or far enough from others. */
export async function expectPressable(page: Page): Promise<void> {
  await expectNothing(page, "phone", { runOnly: Object.keys(PRESSABLE) });
}

/** Looked at again: a busy machine paints a new theme in several steps, and axe takes it 15 seconds. */
async function expectNothing(page: Page, where: string, how: AxeOptions): Promise<void> {
  await expect(async () => {
    const axe = new AxeBuilder({ page }).options({ ...how, resultTypes: ["violations"] });
    const { violations } = await axe.analyze();
    const found = violations.map(({ id, nodes }) => [id, nodes[0]?.html, nodes[0]?.failureSummary]);
    expect(found, where).toEqual([]);
  }).toPass({ timeout: 45_000 });
}

/** Nothing is wider than the page, seen or cut off, but for what has a scroll bar of its own. */
export async function expectNarrow(page: Page): Promise<void> {
  const wide = () =>
    page.evaluate(() => {
      const { clientWidth, scrollWidth } = document.documentElement;
      const out = [...document.querySelectorAll("main :not(.sr-only), header *")].filter((each) => {
        const { right, width, height } = each.getBoundingClientRect();
        if (right <= clientWidth + 1 || width * height === 0) return false;
        for (let box: Element | null = each; box !== null; box = box.parentElement) {
          const allowed = ["auto", "clip"].includes(getComputedStyle(box).overflowX);
          if (allowed || box.matches(".sr-only")) return false;
        }
        return true;
      });
      return [scrollWidth - clientWidth, ...out.map((each) => each.outerHTML.slice(0, 200))];
    });
  await expect.poll(wide).toEqual([0]);
}

export { expect };
