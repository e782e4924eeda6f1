/** The API's answers, as its OpenAPI description has them. */

import type { Run } from "../timeline";

export interface WallSummary {
  wall: string;
  state: "BUILDING" | "COMPLETE";
  mode: string;
  crews: number | null;
  material: string;
  profiles: number;
  sections: number;
  days: number;
  ice: number;
  cost: number;
}

export interface ProfileTotals {
  profile: number;
  state: "BUILDING" | "COMPLETE";
  version: number;
  sections: number;
  days: number;
  ice: number;
  cost: number;
}

export interface Wall extends WallSummary {
  profile_totals: ProfileTotals[];
}

export interface TimelineAnswer {
  runs: Run[];
}
