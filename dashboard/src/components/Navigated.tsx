"use client";

import { useSearchParams } from "next/navigation";
import { useEffect } from "react";
import { announce } from "@/lib/url";

/** A link to the same page with other values: the router says so here, and nowhere else. */
export function Navigated() {
  const asked = useSearchParams();
  // biome-ignore lint/correctness/useExhaustiveDependencies: whenever it is another one
  useEffect(announce, [asked]);
  return null;
}
