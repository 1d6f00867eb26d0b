/** A box for words by which to filter. */
export function Search({
  label,
  hint,
  value,
  onChange,
}: {
  label: string;
  hint: string;
  value: string;
  onChange: (value: string) => void;
}) {
  return (
    <input
      type="search"
      aria-label={label}
      placeholder={hint}
      value={value}
      onChange={(event) => onChange(event.target.value)}
      className="h-7 w-48 rounded-md border border-line-strong bg-surface px-2.5 text-xs placeholder:text-ink-3 max-sm:h-9 max-sm:w-full"
    />
  );
}
