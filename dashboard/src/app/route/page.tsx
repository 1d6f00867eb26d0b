import type { Metadata } from "next";
import { Detail } from "./Detail";

export const metadata: Metadata = { title: "Route" };

export default function Page() {
  return <Detail />;
}
