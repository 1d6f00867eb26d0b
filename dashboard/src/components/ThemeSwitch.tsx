"use client";

import { ToggleGroup } from "radix-ui";
import { useEffect, useState } from "react";
import { chooseTheme, chosenTheme, type Theme } from "@/theme/useTheme";

const CHOICES = [
  {
    value: "light",
    name: "Light",
    path: "M8 3V1m0 14v-2m5-5h2M1 8h2m8.5-3.5L13 3M3 13l1.5-1.5m0-7L3 3m10 10-1.5-1.5M8 10.8a2.8 2.8 0 1 0 0-5.6 2.8 2.8 0 0 0 0 5.6Z",
  },
  { value: "system", name: "As the system", path: "M2 3h12v8H2zM6 14h4M8 11v3" },
  { value: "dark", name: "Dark", path: "M13.5 9.5A6 6 0 0 1 6.5 2.5 6 6 0 1 0 13.5 9.5Z" },
];

/** Light, dark, or as the system prefers. */
export function ThemeSwitch() {
  const [chosen, setChosen] = useState("system");
  useEffect(() => setChosen(chosenTheme() ?? "system"), []);
  const choose = (value: string) => {
    if (value === "") return; // pressed again: stays
    setChosen(value);
    chooseTheme(value === "system" ? null : (value as Theme));
  };
  return (
    <ToggleGroup.Root
      type="single"
      value={chosen}
      onValueChange={choose}
      aria-label="Theme"
      className="flex rounded-full border border-line bg-surface p-0.5"
    >
      {CHOICES.map(({ value, name, path }) => (
        <ToggleGroup.Item
          key={value}
          value={value}
          aria-label={name}
          title={name}
          className="grid size-7 place-items-center rounded-full text-ink-3 hover:text-ink data-[state=on]:bg-raised data-[state=on]:text-ink data-[state=on]:ring-1 data-[state=on]:ring-line-strong data-[state=on]:ring-inset"
        >
          <svg width="13" height="13" viewBox="0 0 16 16" aria-hidden="true">
            <path
              d={path}
              fill="none"
              stroke="currentColor"
              strokeWidth="1.5"
              strokeLinecap="round"
              strokeLinejoin="round"
            />
          </svg>
        </ToggleGroup.Item>
      ))}
    </ToggleGroup.Root>
  );
}
