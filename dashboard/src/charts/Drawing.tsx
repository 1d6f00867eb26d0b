import type { ReactNode, RefObject } from "react";

/** An SVG in the page's own pixels, in a box that `useWidth` measures; `label` says it in words. */
export function Drawing(props: {
  box: RefObject<HTMLDivElement | null>;
  width: number;
  height: number;
  label: string;
  className?: string;
  children: ReactNode;
}) {
  const { box, width, height, label, className, children } = props;
  return (
    <div ref={box} className={className} style={{ height }}>
      <svg
        width={width}
        height={height}
        viewBox={`0 0 ${width} ${height}`}
        role="img"
        aria-label={label}
        fontSize="11"
        fill="var(--ink-3)"
      >
        {children}
      </svg>
    </div>
  );
}
