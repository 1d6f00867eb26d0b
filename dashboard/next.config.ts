/**
 * The dashboard is exported to static files, which the balancer's admin plane serves.  While it is
 * being developed, `next dev` serves it and passes everything else on to a balancer that runs.
 */
import type { NextConfig } from "next";

const admin = process.env.FLB_ADMIN ?? "http://127.0.0.1:8001";

const development: NextConfig = {
  rewrites: async () => [{ source: "/api/:path*", destination: `${admin}/api/:path*` }],
  // Without it, `next dev` would gzip the event stream, and hold events back.
  compress: false,
  // It is reached under either name of this machine.
  allowedDevOrigins: ["127.0.0.1", "localhost"],
};

const config: NextConfig = {
  ...(process.env.NODE_ENV === "development" ? development : { output: "export" }),
  reactStrictMode: true,
  typescript: { ignoreBuildErrors: true }, // `npm run check` tells of them, in less time
  devIndicators: false,
  images: { unoptimized: true },
};

export default config;
