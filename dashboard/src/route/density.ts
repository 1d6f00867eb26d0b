/** What counts of successes and failures say of a rate: Beta, from a flat prior. */

export const POINTS = 120;

/** The density in the middle of equal parts of 0 to 1; its mean is 1. */
export function density(succeeded: number, failed: number): number[] {
  const logs = Array.from({ length: POINTS }, (_, at) => {
    const rate = (at + 0.5) / POINTS;
    return succeeded * Math.log(rate) + failed * Math.log1p(-rate);
  });
  const most = Math.max(...logs); // so that nothing is too small for a number
  const shape = logs.map((log) => Math.exp(log - most));
  const mean = shape.reduce((sum, each) => sum + each, 0) / POINTS;
  return shape.map((each) => each / mean);
}
