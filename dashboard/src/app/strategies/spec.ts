/** Specs of strategies, as on the command line: `v6:cooldown=0.5,a=2`. */
import type { StrategyRow } from "@/api/types";

export interface Spec {
  name: string;
  asked: Record<string, string>;
}

export function readSpec(text: string): Spec {
  const [name = "", ...rest] = text.split(":");
  const pairs = rest.join(":").split(",").filter(Boolean);
  const asked = Object.fromEntries(pairs.map((pair) => pair.split("=") as [string, string]));
  return { name, asked };
}

/** Only what differs from the defaults is said. */
export function writeSpec({ name, asked }: Spec, row: StrategyRow | undefined): string {
  const changed = Object.entries(asked).filter(
    ([key, value]) => value !== "" && value !== String(row?.parameters[key]),
  );
  return changed.length === 0
    ? name
    : `${name}:${changed.map(([key, value]) => `${key}=${value}`).join(",")}`;
}
