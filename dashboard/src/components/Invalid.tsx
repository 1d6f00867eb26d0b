import type { SessionRow } from "@/api/types";

/** Over everything that a session shows when the machine did not keep up: its numbers are void. */
export function Invalid({ session }: { session: Pick<SessionRow, "valid" | "why"> | undefined }) {
  if (session === undefined || session.valid !== false) return null;
  return (
    <div role="alert" className="mb-3 rounded-lg border-2 border-bad bg-bad-soft px-4 py-3">
      <p className="font-semibold text-bad text-lg">INVALID: overloaded</p>
      <p className="text-ink">
        The machine did not keep up, so nobody is ranked
        {session.why.length > 0 ? `: ${session.why.join("; ")}` : ""}. A lower{" "}
        <code className="num">--rate</code>, fewer strategies or{" "}
        <code className="num">--sequential</code> may do.
      </p>
    </div>
  );
}
