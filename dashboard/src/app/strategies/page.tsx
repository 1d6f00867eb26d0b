import type { Metadata } from "next";
import { Strategies } from "./Strategies";

export const metadata: Metadata = { title: "Strategies" };

export default function Page() {
  return <Strategies />;
}
