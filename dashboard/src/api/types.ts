/** Names for the shapes of the admin plane; generated from its OpenAPI description. */
import type { components } from "./schema";

type Schemas = components["schemas"];

export type Frame = Schemas["Frame"];
export type RouteFrame = Schemas["RouteFrame"];
export type RouteDetail = Schemas["RouteDetail"];
export type Decision = Schemas["DecisionMade"];
export type Decisions = Schemas["Decisions"];
export type Histories = Schemas["Histories"];
export type RouteHistory = Schemas["RouteHistory"];
export type SharesHistory = Schemas["SharesHistory"];
export type Money = Schemas["Money"];
export type Split = Schemas["Split"];
export type SessionRow = Schemas["SessionRow"];
export type SessionDetail = Schemas["SessionDetail"];
export type Simulated = Schemas["Simulated"];
export type SimulatedCell = Schemas["SimulatedCell"];
export type Compared = Schemas["Compared"];
export type Sweep = Schemas["Sweep"];
export type ComparedCell = Schemas["ComparedCell"];
export type RunRow = Schemas["RunRow"];
export type RunDetail = Schemas["RunDetail"];
export type StrategyRow = Schemas["StrategyRow"];
export type PlayRequest = Schemas["PlayRequest"];
export type Played = Schemas["Played"];

/** What a run came to, live or recorded. */
export type RunNumbers = Pick<RouteFrame, keyof RouteFrame & keyof RunRow>;
/** Who answers: the first event of a stream. */
export type Connected = Omit<Histories, "routes">;
