/**
 * The last decisions of a route. Each is told when it is made, and again when its attempt has ended;
 * so what is asked for begins with the oldest one that has not.
 */
import type { Decision, Decisions } from "@/api/types";

export const KEPT = 256;

export interface Deliberation {
  request: number;
  id: string;
  /** In the order of the attempts. */
  decisions: Decision[];
  /** Names of what the strategy saw of the request. */
  features?: readonly string[];
}

export class DecisionLog {
  private features: readonly string[] = [];
  private readonly all = new Map<number, Decision>();

  /** The cursor behind which to ask. */
  get after(): number {
    let last = 0;
    for (const [cursor, decision] of this.all) {
      if (decision.move === "send" && decision.outcome === null) return cursor - 1;
      last = cursor;
    }
    return last;
  }

  take({ decisions, features }: Decisions): void {
    this.features = features;
    for (const decision of decisions) this.all.set(decision.cursor, decision);
    for (const cursor of this.all.keys()) {
      if (this.all.size <= KEPT) break;
      this.all.delete(cursor);
    }
  }

  /** By request, the one that was decided about last first. */
  requests(): Deliberation[] {
    const found = new Map<number, Deliberation>();
    for (const decision of [...this.all.values()].reverse()) {
      const { request, id } = decision;
      const known = found.get(request);
      if (known === undefined)
        found.set(request, { request, id, decisions: [decision], features: this.features });
      else known.decisions.unshift(decision);
    }
    return [...found.values()];
  }
}
