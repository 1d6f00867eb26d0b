/** A cable between the page and the balancer, which can be cut and mended. */
import { type AddressInfo, connect, createServer, type Socket } from "node:net";

export class Cable {
  private target: URL | null = null;
  private readonly ends = new Set<Socket>();
  private readonly server = createServer((near) => {
    if (this.target === null) return near.destroy();
    const far = connect(Number(this.target.port), this.target.hostname);
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      this.ends.add(one);
      one.pipe(other);
      one.on("error", () => other.destroy());
      one.on("close", () => this.ends.delete(one) && other.destroy());
    }
  });

  static async to(address: string): Promise<Cable> {
    const cable = new Cable();
    cable.mend(address);
    await new Promise<void>((ready) => cable.server.listen(0, "127.0.0.1", ready));
    return cable;
  }

  get address(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  cut(): void {
    this.target = null;
    for (const end of this.ends) end.destroy();
  }

  mend(address: string): void {
    this.target = new URL(address);
  }

  end(): void {
    this.cut();
    this.server.close();
  }
}
