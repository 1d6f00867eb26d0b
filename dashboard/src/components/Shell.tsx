"use client";

import Link from "next/link";
import { usePathname } from "next/navigation";
import { type ReactNode, Suspense } from "react";
import { live } from "@/store/live";
import { SourceContext } from "@/store/source";
import { Connection } from "./Connection";
import { CopyLink } from "./CopyLink";
import { Keys } from "./Keys";
import { Mark } from "./Mark";
import { Navigated } from "./Navigated";
import { ThemeSwitch } from "./ThemeSwitch";

/** A page is in the header as soon as it is there. */
const PAGES = [
  { href: "/", name: "Live" },
  { href: "/compare", name: "Compare" },
  { href: "/runs", name: "Runs" },
  { href: "/strategies", name: "Strategies" },
];

/** What is around every page: where one is, whether the stream is there, light or dark. */
export function Shell({ children }: { children: ReactNode }) {
  return (
    <SourceContext value={live}>
      <Suspense>
        <Navigated />
      </Suspense>
      <a
        href="#main"
        className="sr-only rounded-md bg-ink px-4 py-2 text-surface focus:not-sr-only focus:fixed focus:top-2 focus:left-2 focus:z-50"
      >
        Skip to content
      </a>
      <header className="sticky top-0 z-30 border-line border-b bg-canvas/85 backdrop-blur-md">
        <div className="mx-auto flex max-w-[1560px] flex-wrap items-center gap-x-3 px-4 sm:px-6 md:h-14 md:flex-nowrap md:gap-x-6">
          <Link href="/" className="flex h-12 items-center gap-2.5 font-medium tracking-tight">
            <Mark />
            <span>
              flaky<span className="text-ink-3">_load_balancer</span>
            </span>
          </Link>
          <div className="ml-auto flex items-center gap-1.5 md:order-3 md:gap-2">
            <Connection />
            <CopyLink />
            <Keys />
            <ThemeSwitch />
          </div>
          <Pages />
        </div>
      </header>
      <main
        id="main"
        tabIndex={-1}
        className="mx-auto max-w-[1560px] px-4 py-5 outline-none sm:px-6"
      >
        {children}
      </main>
    </SourceContext>
  );
}

function Pages() {
  const path = usePathname();
  return (
    <nav aria-label="Pages" className="-mx-2 flex w-full gap-1 md:w-auto">
      {PAGES.map(({ href, name }) => {
        const here =
          href === "/" ? path === "/" || path.startsWith("/route") : path.startsWith(href);
        return (
          <Link
            key={href}
            href={href}
            aria-current={here ? "page" : undefined}
            className="relative flex h-10 items-center px-2.5 text-ink-2 hover:text-ink aria-[current=page]:text-ink aria-[current=page]:after:absolute aria-[current=page]:after:inset-x-2.5 aria-[current=page]:after:-bottom-px aria-[current=page]:after:h-0.5 aria-[current=page]:after:bg-ink md:h-14"
          >
            {name}
          </Link>
        );
      })}
    </nav>
  );
}
