/** The build with another number of crews, beside the one that is. */

import { signal } from "@preact/signals";
import type { Timeline } from "../timeline";

export const whatIf = signal<Timeline | null>(null);
