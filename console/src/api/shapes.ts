import type { components } from '../api';

type Schemas = components['schemas'];

export type Problem = Schemas['Problem'];
export type Fault = Schemas['Fault'];
export type Project = Schemas['Project'];
export type Effect = Schemas['Effect'];
export type Runbook = Schemas['Runbook'];
export type RunbookSummary = Schemas['RunbookSummary'];
export type RunbookView = Schemas['RunbookView'];
export type VersionSummary = Schemas['VersionSummary'];
export type Input = Schemas['Input'];
export type InputValue = Schemas['InputValue'];
export type Step = Schemas['Step'];
export type RunState = Schemas['RunState'];
export type StepState = Schemas['StepState'];
export type StepRun = Schemas['StepRun'];
export type RunSummary = Schemas['RunSummary'];
export type StartRequest = Schemas['StartRequest'];
export type RunView = Schemas['RunView'];
export type Role = Schemas['Role'];
export type SessionView = Schemas['SessionView'];
export type TokenView = Schemas['TokenView'];
export type CreatedToken = Schemas['CreatedToken'];
export type OutputStream = Schemas['OutputStream'];
export type OutputChunk = Schemas['OutputChunk'];

/** A list, and how to get more of it. */
export interface Page<T> {
  items: T[];
  next?: string | null;
}

/** Which runs a list shows. */
export interface RunFilter {
  /** None: all. */
  states: RunState[];
  runbook: string | null;
}
