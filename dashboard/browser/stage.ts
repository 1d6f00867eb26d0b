/** What browser tests play on: flaky servers and a balancer, on free ports, gone at the end. */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import AxeBuilder from "@axe-core/playwright";
import { test as base, expect, type Page } from "@playwright/test";

const PYTHON = process.env.FLB_PYTHON ?? join(import.meta.dirname, "../../.venv/bin/python");

/** A program `flb` that says on stdout, in JSON, where it is. */
export class Program {
  private constructor(
    private readonly process: ChildProcess,
    // biome-ignore lint/suspicious/noExplicitAny: each command says something else
    readonly said: any,
  ) {}

  static async start(folder: string, ...words: string[]): Promise<Program> {
    const flb = ["-m", "flaky_load_balancer", ...words, "--json", "-"];
    const process = spawn(PYTHON, flb, { cwd: folder, stdio: ["ignore", "pipe", "pipe"] });
    let errors = "";
    process.stderr.on("data", (text) => {
      errors += text;
    });
    for await (const line of createInterface({ input: process.stdout })) {
      if (line.startsWith("{")) return new Program(process, JSON.parse(line));
    }
    throw new Error(`flb ${words.join(" ")} ended: ${errors}`);
  }

  async stop(signal: NodeJS.Signals = "SIGTERM"): Promise<void> {
    if (this.process.exitCode !== null || this.process.signalCode !== null) return;
    const ended = new Promise((resolve) => this.process.once("exit", resolve));
    this.process.kill(signal);
    await ended;
  }
}

export class Stage {
  readonly folder = mkdtempSync(join(tmpdir(), "flb-page-"));
  private programs: Program[] = [];

  async run(...words: string[]): Promise<Program> {
    const program = await Program.start(this.folder, ...words);
    this.programs.push(program);
    return program;
  }

  /** A fleet for each copy, and a balancer with a route for each strategy. */
  async serve(scenario: string, ...more: string[]): Promise<Program> {
    const { said } = await this.run("servers", "--scenario", scenario, "--free-ports");
    const servers = said.fleets[0].servers.flatMap((each: string) => ["--server", each]);
    return this.run("serve", ...servers, "--port", "0", "--admin-port", "0", ...more);
  }

  async end(): Promise<void> {
    await Promise.all(this.programs.map((program) => program.stop("SIGKILL")));
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
export const test = base.extend<{ stage: Stage; errors: string[] }>({
  // biome-ignore lint/correctness/noEmptyPattern: playwright wants a pattern
  stage: async ({}, use) => {
    const stage = new Stage();
    await use(stage);
    await stage.end();
  },
  errors: [
    async ({ page }, use) => {
      const errors: string[] = [];
      page.on("pageerror", (error) => errors.push(error.message));
      page.on("console", (message) => {
        // That a connection is lost, the browser says by itself; what we make of it is tested.
        if (
          message.type() === "error" &&
          !message.text().includes("net::ERR_") &&
          !/status of 4(04|22)/.test(message.text())
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

/** axe finds nothing in either theme, and nothing has to be scrolled sideways on a phone. */
export async function expectAccessible(page: Page): Promise<void> {
  for (const colorScheme of ["light", "dark"] as const) {
    await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
    const { violations } = await new AxeBuilder({ page })
      .withTags(["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"])
      .analyze();
    const found = violations.map(({ id, nodes }) => [id, nodes[0]?.html, nodes[0]?.failureSummary]);
    expect(found, colorScheme).toEqual([]);
  }
  const size = page.viewportSize()!;
  await page.setViewportSize({ width: 390, height: 844 });
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(390);
  await page.setViewportSize(size);
}

export { expect };
