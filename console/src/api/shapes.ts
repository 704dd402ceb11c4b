import type { components } from '../api';

type Schemas = components['schemas'];

export type AnswerRequest = Schemas['AnswerRequest'];
export type AnswerVerdict = Schemas['AnswerVerdict'];
export type Body = Schemas['Body'];
export type CatchUp = Schemas['CatchUp'];
export type Cause = Schemas['Cause'];
export type ChoiceOption = Schemas['ChoiceOption'];
export type CollectorView = Schemas['CollectorView'];
export type Concurrency = Schemas['Concurrency'];
export type CreatedToken = Schemas['CreatedToken'];
export type DecisionRequest = Schemas['DecisionRequest'];
export type Effect = Schemas['Effect'];
export type EnvironmentHealth = Schemas['EnvironmentHealth'];
export type EnvironmentView = Schemas['EnvironmentView'];
export type FactDifference = Schemas['FactDifference'];
export type FactState = Schemas['FactState'];
export type FactView = Schemas['FactView'];
export type FactsDiff = Schemas['FactsDiff'];
export type FactsView = Schemas['FactsView'];
export type Fault = Schemas['Fault'];
export type FileDiff = Schemas['FileDiff'];
export type Firing = Schemas['Firing'];
export type FiringState = Schemas['FiringState'];
export type Happening = Schemas['Happening'];
export type Health = Schemas['Health'];
export type HealthChangeView = Schemas['HealthChangeView'];
export type HealthEvidence = Schemas['HealthEvidence'];
export type HealthHistory = Schemas['HealthHistory'];
export type Input = Schemas['Input'];
export type InputValue = Schemas['InputValue'];
export type InventorySummary = Schemas['InventorySummary'];
export type InventoryView = Schemas['InventoryView'];
export type Lifecycle = Schemas['Lifecycle'];
export type Link = Schemas['Link'];
export type LockView = Schemas['LockView'];
export type Neighbour = Schemas['Neighbour'];
export type On = Schemas['On'];
export type OutputChunk = Schemas['OutputChunk'];
export type OutputStream = Schemas['OutputStream'];
export type Overlap = Schemas['Overlap'];
export type Pause = Schemas['Pause'];
export type Phase = Schemas['Phase'];
export type PlanStepView = Schemas['PlanStepView'];
export type PlanView = Schemas['PlanView'];
export type Preset = Schemas['Preset'];
export type Problem = Schemas['Problem'];
export type Project = Schemas['Project'];
export type Resolution = Schemas['Resolution'];
export type ResolveRequest = Schemas['ResolveRequest'];
export type RetryRequest = Schemas['RetryRequest'];
export type Role = Schemas['Role'];
export type Runbook = Schemas['Runbook'];
export type RunbookSummary = Schemas['RunbookSummary'];
export type RunbookView = Schemas['RunbookView'];
export type RunChange = Schemas['RunChange'];
export type RunState = Schemas['RunState'];
export type RunSummary = Schemas['RunSummary'];
export type RunView = Schemas['RunView'];
export type Schedule = Schemas['Schedule'];
export type ScheduleSummary = Schemas['ScheduleSummary'];
export type ScheduleView = Schemas['ScheduleView'];
export type Script = Schemas['Script'];
export type Service = Schemas['Service'];
export type ServiceHealth = Schemas['ServiceHealth'];
export type ServiceRunbook = Schemas['ServiceRunbook'];
export type ServiceSummary = Schemas['ServiceSummary'];
export type ServiceView = Schemas['ServiceView'];
export type SessionView = Schemas['SessionView'];
export type StartRequest = Schemas['StartRequest'];
export type StatusRange = Schemas['StatusRange'];
export type Step = Schemas['Step'];
export type StepAnswer = Schemas['Answer'];
export type StepRun = Schemas['StepRun'];
export type StepState = Schemas['StepState'];
export type Target = Schemas['Target'];
export type TeamView = Schemas['TeamView'];
export type TimedKind = Schemas['TimedKind'];
export type TokenView = Schemas['TokenView'];
export type UploadedFile = Schemas['UploadedFile'];
export type UptimeDay = Schemas['UptimeDay'];
export type UptimeStrip = Schemas['UptimeStrip'];
export type VersionDiff = Schemas['VersionDiff'];
export type VersionSummary = Schemas['VersionSummary'];
export type Wait = Schemas['Wait'];
export type When = Schemas['When'];

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
  /** Words that are in its runbook's name, title or reason. */
  text: string;
}

/** Which services a list shows. */
export interface ServiceFilter {
  /** None: all. */
  healths: Health[];
  /** A team that owns or operates them. */
  team: string | null;
  environment: string | null;
  lifecycle: Lifecycle | null;
  /** Words that are in its name, title or owner. */
  text: string;
}
