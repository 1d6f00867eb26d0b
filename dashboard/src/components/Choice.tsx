"use client";

import { ToggleGroup } from "radix-ui";

/** One of a few, as a row of buttons. */
export function Choice<T extends string>(props: {
  label: string;
  value: T;
  options: readonly { value: T; name: string }[];
  onChange: (value: T) => void;
}) {
  return (
    <ToggleGroup.Root
      type="single"
      value={props.value}
      onValueChange={(value) => value !== "" && props.onChange(value as T)}
      aria-label={props.label}
      className="flex max-w-full overflow-x-auto rounded-md border border-line bg-sunken p-0.5"
    >
      {props.options.map(({ value, name }) => (
        <ToggleGroup.Item
          key={value}
          value={value}
          className="h-6 whitespace-nowrap rounded px-2.5 text-ink-2 text-xs hover:text-ink data-[state=on]:bg-raised data-[state=on]:font-medium data-[state=on]:text-ink data-[state=on]:ring-1 data-[state=on]:ring-line-strong data-[state=on]:ring-inset max-sm:h-8"
        >
          {name}
        </ToggleGroup.Item>
      ))}
    </ToggleGroup.Root>
  );
}

/** One of many, as the system's own list. */
export function Select(props: {
  label: string;
  value: string;
  options: readonly { value: string; name: string }[];
  onChange: (value: string) => void;
}) {
  return (
    <label className="inline-flex items-center gap-2 text-ink-3 text-xs">
      {props.label}
      <select
        value={props.value}
        onChange={(event) => props.onChange(event.target.value)}
        className="h-7 rounded-md border border-line bg-surface px-2 text-ink max-sm:h-9"
      >
        {props.options.map(({ value, name }) => (
          <option key={value} value={value}>
            {name}
          </option>
        ))}
      </select>
    </label>
  );
}
