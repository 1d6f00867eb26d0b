import type { RouteFrame } from "@/api/types";
import * as format from "@/lib/format";
import { type Fact, Strip } from "./Strip";

/** How the strategy learns; nothing of a strategy that says nothing. */
export function Learning({ route, now }: { route: RouteFrame; now: number }) {
  const facts = learning(route, now);
  return facts.length === 0 ? null : <Strip facts={facts} />;
}

/** The thresholds of the configuration that are crossed now. */
export function Alerts({ route }: { route: RouteFrame }) {
  const { alerts = [] } = route;
  if (alerts.length === 0) return null;
  const said = alerts.map(
    ({ measure, since }) => `${NAMES[measure] ?? measure} since ${format.moment(since)}`,
  );
  return (
    <p role="status" className="mb-4 rounded-lg border border-bad/40 bg-bad-soft px-4 py-2">
      <strong className="font-medium">Beyond a threshold of [alerts]:</strong>{" "}
      <span className="num">{said.join("; ")}</span>
    </p>
  );
}

const NAMES: Record<string, string> = {
  exploration: "exploration",
  width: "interval width",
  alarms: "changes seen",
  violations: "violated constraints",
  since_change: "a recent change",
};

function learning(route: RouteFrame, now: number): Fact[] {
  const { exploration, width, changed, alarms = 0, violations = {} } = route;
  const broken = Object.entries(violations);
  return [
    exploration != null && {
      name: "Exploration",
      value: format.percent(exploration),
      hint: "Of the last 100 attempts, those that went to another server than the one believed best",
    },
    width != null && {
      name: "Interval width",
      value: format.number(width, 2),
      hint: "Mean width of the 95 % intervals of success rates, over the servers that attempts go to",
    },
    alarms > 0 && {
      name: "Changes seen",
      value: format.number(alarms),
      hint: "How often a detector of the strategy saw that a server had changed",
    },
    changed != null && {
      name: "Last change",
      value: `${format.span(Math.max(0, Math.floor(now - changed)))} ago`,
    },
    ...broken.map(([name, count]) => ({
      name: `Violated: ${name}`,
      value: format.number(count),
      hint: "Attempts that were sent while this constraint was not held",
    })),
  ].filter((fact) => fact !== false);
}
