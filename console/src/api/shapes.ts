import type { components } from '../api';
import type { RunState } from './next';

type Schemas = components['schemas'];

export type Problem = Schemas['Problem'];
export type Fault = Schemas['Fault'];
export type Project = Schemas['Project'];
export type VersionSummary = Schemas['VersionSummary'];
export type Role = Schemas['Role'];
export type SessionView = Schemas['SessionView'];
export type TokenView = Schemas['TokenView'];
export type CreatedToken = Schemas['CreatedToken'];
export type OutputStream = Schemas['OutputStream'];
export type OutputChunk = Schemas['OutputChunk'];
export type {
  AnswerRequest,
  AnswerVerdict,
  Body,
  Branch,
  Cause,
  ChangeClass,
  ChoiceOption,
  Concurrency,
  DecisionRequest,
  Effect,
  FileDiff,
  Input,
  InputValue,
  Inventory,
  InventorySummary,
  InventoryView,
  LockView,
  On,
  Phase,
  PlanStepView,
  PlanView,
  Preset,
  Resolution,
  ResolveRequest,
  RetryRequest,
  RunChange,
  RunState,
  RunSummary,
  RunView,
  Runbook,
  RunbookSummary,
  RunbookView,
  StartRequest,
  Step,
  StepAnswer,
  StepRun,
  StepState,
  Target,
  UploadedFile,
  VersionDiff,
  Wait,
} from './next';

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
