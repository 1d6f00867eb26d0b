/**
 * Server-sent events over fetch. The browser's EventSource would do, but gives no say in when it
 * comes back, from which event on, or when silence means that the connection is gone.
 */
import { signInAgain } from "@/api/client";

export interface StreamEvent {
  id: string;
  kind: string;
  data: string;
}

/** Reads one connection until it ends or is aborted. Rejects when it cannot be made or breaks. */
export async function readEvents(
  address: string,
  options: {
    lastId: string | null;
    signal: AbortSignal;
    /** Called with everything that arrives, comments too: the other side lives. */
    heard: () => void;
    event: (event: StreamEvent) => void;
  },
): Promise<void> {
  const headers: Record<string, string> = { Accept: "text/event-stream" };
  if (options.lastId !== null) headers["Last-Event-ID"] = options.lastId;
  const response = await fetch(address, { headers, signal: options.signal, cache: "no-store" });
  if (response.status === 401) signInAgain();
  if (!response.ok || !response.body) throw new Error(`HTTP ${response.status}`);
  const parser = new Parser(options.event);
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    options.heard();
    parser.feed(value);
  }
}

/** The event stream format, as far as the balancer uses it: https://html.spec.whatwg.org, 9.2.6 */
export class Parser {
  private rest = "";
  private id = "";
  private kind = "";
  private data: string[] = [];

  constructor(private readonly emit: (event: StreamEvent) => void) {}

  feed(text: string): void {
    const lines = (this.rest + text).split(/\r\n|\n|\r(?!$)/);
    this.rest = lines.pop() ?? "";
    for (const line of lines) this.line(line);
  }

  private line(line: string): void {
    if (line === "") {
      if (this.data.length > 0) {
        this.emit({ id: this.id, kind: this.kind || "message", data: this.data.join("\n") });
      }
      this.kind = "";
      this.data = [];
      return;
    }
    const colon = line.indexOf(":");
    if (colon === 0) return;
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (field === "event") this.kind = value;
    else if (field === "data") this.data.push(value);
    else if (field === "id") this.id = value;
  }
}
