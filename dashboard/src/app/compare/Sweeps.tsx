import type { Compared, Sweep } from "@/api/types";
import { ChartPanel } from "@/charts/ChartPanel";
import { cellsOf, type Measure, ranked } from "./cells";
import { Parallel } from "./Parallel";
import { ResponseCurve } from "./ResponseCurve";
import { curveOver, reachOf, rivalsOf, settingsOf } from "./settings";

/** What the hyperparameters of the strategies do that played with several. */
export function Sweeps(props: {
  compared: Compared;
  scenario: string;
  where: string;
  measure: Measure;
  pointed: string | null;
  onPoint: (strategy: string | null) => void;
}) {
  return props.compared.sweeps.map((sweep) => (
    <SweepPanel key={sweep.family} {...props} sweep={sweep} />
  ));
}

function SweepPanel(props: Parameters<typeof Sweeps>[0] & { sweep: Sweep }) {
  const { sweep, compared, measure, where } = props;
  const cells = ranked(cellsOf(compared, props.scenario), measure);
  const settings = settingsOf(sweep, cells, measure);
  if (settings.length < 2) return null;
  const over = curveOver(sweep);
  const names = Object.keys(sweep.parameters);
  const title = `${measure === "regret" ? "Regret" : "Score"} of ${sweep.family} over ${names.join(", ")}, ${where}`;
  const better = measure === "regret" ? "Lower is better" : "Higher is better";
  return (
    <ChartPanel
      title={title}
      hint={
        over === null
          ? "A line for each strategy, from its parameters to what it came to; the stronger the colour, the better, and better is up. Point at one to follow it."
          : `${better}. The band has the 95 % intervals: values whose intervals overlap widely are not told apart by this. Dashed: the best other strategies.`
      }
    >
      {over === null ? (
        <Parallel {...props} title={title} parameters={names} settings={settings} />
      ) : (
        <ResponseCurve
          {...props}
          title={title}
          parameter={over}
          family={sweep.family}
          settings={settings}
          rivals={rivalsOf(sweep, cells, measure, reachOf(settings, measure))}
        />
      )}
    </ChartPanel>
  );
}
