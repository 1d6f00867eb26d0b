/** The mark: one way in, three ways on, one of them doubtful. */
export function Mark() {
  return (
    <svg width="22" height="22" viewBox="0 0 32 32" aria-hidden="true" className="shrink-0">
      <g fill="none" strokeLinecap="round" strokeWidth="2.8">
        <path stroke="var(--hue-0)" d="M3 16h7c6 0 6-9 12-9h7" />
        <path stroke="var(--ink)" d="M10 16h19" />
        <path stroke="var(--hue-4)" strokeDasharray="4 4.5" d="M10 16c6 0 6 9 12 9h7" />
      </g>
    </svg>
  );
}
