// What `GET runs/{run}/pair` answers.
import type { FactDifference, FactState, Health } from '../api/shapes';

/** A service in one of its environments. */
export interface Place {
  service: string;
  environment: string;
}

export interface SnapshotFact {
  collector: string;
  target?: string | null;
  key: string;
  value: string;
  state: FactState;
}

export interface ServiceSnapshot extends Place {
  health: Health;
  since?: string | null;
  cause: string;
  facts: SnapshotFact[];
  /** Facts that found no room. */
  left_out?: number;
}

export interface Collected {
  collector: string;
  run?: string | null;
  outcome: 'collected' | 'failed' | 'not_begun' | 'out_of_time';
  why?: string | null;
}

/** How things stood at a moment. */
export interface Snapshot {
  at: string;
  services: ServiceSnapshot[];
  collectors?: Collected[];
}

export interface HealthDifference extends Place {
  before: Health;
  after: Health;
}

export interface Changed {
  health: HealthDifference[];
  facts: (FactDifference & Place)[];
}

export interface SignalView {
  name: string;
  holds: boolean;
  says: string;
}

/** What a run waits for that verifies now. */
export interface VerifyView {
  since: string;
  /** When it has failed unless they held. */
  until: string;
  /** Seconds for which they must hold without a break. */
  hold_s?: number | null;
  /** All of them hold since then. */
  held_since?: string | null;
  signals: SignalView[];
}

export interface PairView {
  services: Place[];
  before: Snapshot | null;
  after: Snapshot | null;
  /** From `before` to `after`; while the run goes on, to now. */
  changed: Changed | null;
  verify: VerifyView | null;
}
