// What the API says of the whole language, until its document says it too: then this file goes.
import type { components, paths } from '../api';

type Schemas = components['schemas'];
export type Effect = Schemas['Effect'];
type Values = Record<string, unknown>;

export type ChangeClass =
  'feature' | 'config' | 'data' | 'capacity' | 'reliability_fix' | 'security_fix' | 'rollback' | 'diagnostic';

export type KeyPart = { text: string } | { input: string };

export interface Concurrency {
  key: KeyPart[];
  limit: number;
  when_full: 'queue' | 'refuse';
}

export type OnLost = { ask: { for_s: number } } | 'unknown' | 'retry';

export interface Limits {
  memory_bytes?: number | null;
  cpu_milli?: number | null;
  processes?: number | null;
}

export type ChoicesFrom =
  | { url: { url: string; pointer?: string | null } }
  | { runbook: { name: string; output: string; inputs?: Record<string, string> } };

export type InputKind =
  | { type: 'string'; pattern?: string | null; min_length?: number | null; max_length?: number | null }
  | { type: 'text'; min_length?: number | null; max_length?: number | null }
  | { type: 'integer'; min?: number | null; max?: number | null }
  | { type: 'number'; min?: number | null; max?: number | null }
  | { type: 'boolean' }
  | { type: 'choice'; options?: string[]; multiple?: boolean; free?: boolean; from?: ChoicesFrom | null }
  | { type: 'date' }
  | { type: 'datetime' }
  | { type: 'duration'; min_s?: number | null; max_s?: number | null }
  | { type: 'percentage' }
  | { type: 'list'; min_items?: number | null; max_items?: number | null }
  | { type: 'json' }
  | { type: 'file'; max_bytes?: number | null }
  | { type: 'secret' };

export type InputValue = unknown;

export type Input = InputKind & {
  name: string;
  required?: boolean;
  default?: InputValue;
  default_from?: 'today' | 'now' | 'caller' | null;
  description?: string | null;
  show_if?: string | null;
};

export interface Rule {
  check: string;
  message: string;
}

export type Script = { file: string } | { body: string };

export interface StatusRange {
  from: number;
  to: number;
}

export interface HttpRequest {
  method: string;
  url: string;
  headers?: Record<string, string>;
  body?: { json: unknown } | { raw: string } | null;
  status?: StatusRange[];
  outputs?: Record<string, string>;
}

export type CheckSubject =
  | { of: 'http'; url: string; status?: StatusRange[]; contains?: string | null }
  | { of: 'tcp'; address: string }
  | { of: 'script'; interpreter: string[]; script: Script };

export type Evidence = 'none' | 'optional' | 'required';

export type StepAction =
  | { action: 'run'; interpreter: string[]; script: Script }
  | { action: 'command'; argv: string[] }
  | ({ action: 'http' } & HttpRequest)
  | ({ action: 'check'; every_s: number; within_s: number } & CheckSubject)
  | { action: 'manual'; instructions: string; fields?: Input[]; evidence?: Evidence }
  | { action: 'approve'; message: string }
  | { action: 'runbook'; runbook: string; inputs?: Record<string, string> }
  | ({ action: 'wait' } & ({ for: string } | { until: string }))
  | { action: 'parallel'; branches: Step[] }
  | { action: 'steps'; steps: Step[] };

export interface On {
  inventory: string;
  where?: Record<string, { one_of: string[] } | { input: string }>;
  batch?: { count: number } | { percent: number } | null;
  stop_after_failures?: number | null;
}

export interface Retry {
  attempts: number;
  wait_s: number;
  backoff: number;
  on_exit?: number[];
}

export type Step = StepAction & {
  name: string;
  description?: string | null;
  effect: Effect;
  timeout_s?: number | null;
  idempotent?: boolean;
  if?: string | null;
  for_each?: { items: { list: unknown[] } | { of: string }; width: number } | null;
  on?: On | null;
  retry?: Retry | null;
  continue_on_failure?: boolean;
  on_failure?: Step[];
  env?: Record<string, string>;
  dir?: string | null;
};

export interface Runbook {
  name: string;
  title?: string | null;
  description?: string | null;
  service?: string | null;
  environment?: string | null;
  change_class?: ChangeClass | null;
  labels?: Record<string, string>;
  inputs: Input[];
  rules?: Rule[];
  steps: Step[];
  on_failure?: Step[];
  cleanup?: Step[];
  outputs?: Record<string, string>;
  effect: Effect;
  timeout_s?: number | null;
  output_limit: number;
  concurrency?: Concurrency | null;
  on_lost?: OnLost;
  max_targets?: number | null;
  grace_s?: number | null;
  limits?: Limits;
  run_as?: string | null;
}

export type RunbookView = Omit<Schemas['RunbookView'], 'runbook'> & { runbook: Runbook };

export interface Target {
  name: string;
  address?: string | null;
  environment?: string | null;
  labels?: Record<string, string>;
}

export interface Inventory {
  name: string;
  title?: string | null;
  description?: string | null;
  targets: Target[];
}

export interface InventorySummary {
  project: string;
  name: string;
  title?: string | null;
  description?: string | null;
  targets: number;
  digest: string;
  published_at: string;
  retired_at?: string | null;
}

export interface InventoryView {
  project: string;
  digest: string;
  published_at: string;
  published_by: string;
  retired_at?: string | null;
  path: string;
  text: string;
  inventory: Inventory;
}

export type RunState = Schemas['RunState'] | 'waiting';
export type StepState = 'pending' | 'running' | 'waiting' | 'succeeded' | 'failed' | 'skipped' | 'canceled' | 'unknown';
export type Phase = 'main' | 'on_failure' | 'cleanup';
export type Cause =
  | 'exit'
  | 'signal'
  | 'timeout'
  | 'cannot_start'
  | 'bad_output'
  | 'canceled'
  | 'server_lost'
  | 'left_processes'
  | 'out_of_memory'
  | 'lost'
  | 'bad_expression'
  | 'declined'
  | 'not_as_expected'
  | 'busy'
  | 'step_failed';

export interface Requester {
  id: string;
  name: string;
}

export interface Body {
  children?: number[];
  on_failure?: number[];
  cleanup?: number[];
  phase?: Phase;
  verdict?: unknown;
  stopping?: 'canceled' | 'timeout' | null;
  cleanup_stopping?: boolean;
}

export type WaitReason =
  | { for: 'runner' }
  | { for: 'person'; instructions: string; fields: Input[]; evidence: Evidence }
  | { for: 'approval'; message: string }
  | { for: 'time' }
  | { for: 'retry'; message: string }
  | { for: 'lock'; key: string; limit: number }
  | { for: 'lost'; attempt: number; message: string };

export type Wait = WaitReason & { since: string; until?: string | null };

export interface UploadedFile {
  file: string;
  name: string;
  size: number;
}

export type AnswerVerdict =
  'done' | 'failed' | 'approved' | 'declined' | 'resolved_succeeded' | 'resolved_failed' | 'resolved_retry';

export interface StepAnswer {
  by: Requester;
  at: string;
  verdict: AnswerVerdict;
  comment?: string | null;
  evidence?: UploadedFile | null;
}

export type Branch = { item: { index: number; value: unknown } } | { target: Target };

export type StepRun = Body & {
  name: string;
  path?: string;
  parent?: number | null;
  planned?: number;
  layer?: 'items' | 'targets' | 'one';
  branch?: Branch | null;
  action: string;
  effect: Effect;
  state: StepState;
  attempt: number;
  started_at?: string | null;
  finished_at?: string | null;
  exit_code?: number | null;
  signal?: number | null;
  cause?: Cause | null;
  message?: string | null;
  outputs: Record<string, string>;
  wait?: Wait | null;
  inputs?: Values | null;
  answer?: StepAnswer | null;
};

export interface RetryOf {
  run: string;
  from?: string | null;
}

export type Run = Body & {
  id: string;
  project: string;
  runbook: string;
  digest: string;
  title?: string | null;
  service?: string | null;
  environment?: string | null;
  change_class?: ChangeClass | null;
  labels?: Record<string, string>;
  effect: Effect;
  state: RunState;
  revision: number;
  reason?: string | null;
  requested_by: Requester;
  inputs: Values;
  timeout_s?: number | null;
  retry_of?: RetryOf | null;
  steps: StepRun[];
  counts?: { running: number; waiting: number };
  wait?: Wait | null;
  requested_at: string;
  started_at?: string | null;
  finished_at?: string | null;
  cause?: Cause | null;
  message?: string | null;
  cancel_requested_by?: Requester | null;
};

export type RunView = Run & { waits_for?: string | null; outputs: Record<string, Record<string, string>> };

export type RunChange = Run & { waits_for?: string | null; places: number[] };

export type RunSummary = Omit<Schemas['RunSummary'], 'state'> & { state: RunState; waits_for?: string | null };

export type RunbookSummary = Omit<Schemas['RunbookSummary'], 'last_run'> & { last_run?: RunSummary | null };

export interface StartRequest {
  inputs?: Values;
  reason?: string | null;
  via?: string | null;
}

export interface PlanStepView {
  path: string;
  name: string;
  depth: number;
  phase: Phase;
  action: string;
  summary: string;
  effect: Effect;
  safe: boolean;
  condition?: string | null;
  condition_value?: boolean | null;
  items?: unknown[] | null;
  targets?: string[] | null;
  batch?: number | null;
}

export interface LockView {
  key: string;
  limit: number;
  held_by: string[];
}

export interface PlanView {
  project: string;
  runbook: string;
  digest: string;
  inputs: Values;
  effect: Effect;
  environments: string[];
  targets: string[];
  lock?: LockView | null;
  steps: PlanStepView[];
  remarks: string[];
}

export interface RetryRequest {
  from?: string | null;
  inputs?: Values;
  reason?: string | null;
  via?: string | null;
}

export interface AnswerRequest {
  done: boolean;
  fields?: Values;
  comment?: string | null;
  evidence?: UploadedFile | null;
}

export interface DecisionRequest {
  approve: boolean;
  comment?: string | null;
}

export type Resolution = 'succeeded' | 'failed' | 'retry';

export interface ResolveRequest {
  as: Resolution;
  reason: string;
}

export interface ChoiceOption {
  value: string;
  label?: string | null;
}

export interface Choices {
  options: ChoiceOption[];
}

export interface Preset {
  name: string;
  inputs: Values;
  saved_by: string;
  saved_at: string;
}

export interface FileDiff {
  path: string;
  text: string;
  binary: boolean;
  added: boolean;
  removed: boolean;
  lines_added: number;
  lines_removed: number;
}

export interface VersionDiff {
  from: string;
  to: string;
  files: FileDiff[];
}

interface Act<P, A> {
  parameters: { path: P; query?: never; header?: { 'Idempotency-Key'?: string }; cookie?: never };
  requestBody?: never;
  responses: { 200: { headers: Record<string, unknown>; content: { 'application/json': A } } };
}

interface Operation<P, A, B> {
  parameters: { path: P; query?: never; header?: { 'Idempotency-Key'?: string }; cookie?: never };
  requestBody: { content: { 'application/json': B } };
  responses: { 200: { headers: Record<string, unknown>; content: { 'application/json': A } } };
}

interface Read<P, A, Q = never> {
  parameters: { path: P; query?: Q; header?: never; cookie?: never };
  requestBody?: never;
  responses: { 200: { headers: Record<string, unknown>; content: { 'application/json': A } } };
}

interface Page<T> {
  items: T[];
  next?: string | null;
}

interface List {
  limit?: number;
  after?: string;
}

interface InProject {
  project: string;
}
interface OfRunbook extends InProject {
  runbook: string;
}
interface OfRun extends InProject {
  run: string;
}
interface OfStep extends OfRun {
  step: string;
}

interface Routes {
  '/api/v1/projects/{project}/runbooks': {
    get: Read<InProject, Page<RunbookSummary>, List & { retired?: boolean }>;
  };
  '/api/v1/projects/{project}/runbooks/{runbook}': { get: Read<OfRunbook, RunbookView> };
  '/api/v1/projects/{project}/runbooks/{runbook}/runs': { post: Operation<OfRunbook, RunView, StartRequest> };
  '/api/v1/projects/{project}/runbooks/{runbook}/plan': { post: Operation<OfRunbook, PlanView, StartRequest> };
  '/api/v1/projects/{project}/runbooks/{runbook}/choices/{input}': {
    post: Operation<OfRunbook & { input: string }, Choices, { inputs?: Values }>;
  };
  '/api/v1/projects/{project}/runbooks/{runbook}/presets': { get: Read<OfRunbook, Page<Preset>, List> };
  '/api/v1/projects/{project}/runbooks/{runbook}/presets/{preset}': {
    put: Operation<OfRunbook & { preset: string }, Preset, { inputs: Values }>;
    delete: Read<OfRunbook & { preset: string }, undefined>;
  };
  '/api/v1/projects/{project}/runbooks/{runbook}/versions/{digest}': {
    get: Read<OfRunbook & { digest: string }, RunbookView>;
  };
  '/api/v1/projects/{project}/runbooks/{runbook}/diff': {
    get: Read<OfRunbook, VersionDiff, { from: string; to: string }>;
  };
  '/api/v1/projects/{project}/runbooks/{runbook}/rollback': {
    post: Operation<OfRunbook, RunbookView, { digest: string }>;
  };
  '/api/v1/projects/{project}/inventories': { get: Read<InProject, Page<InventorySummary>, List> };
  '/api/v1/projects/{project}/inventories/{inventory}': {
    get: Read<InProject & { inventory: string }, InventoryView>;
  };
  '/api/v1/projects/{project}/runs': {
    get: Read<
      InProject,
      Page<RunSummary>,
      List & {
        state?: string;
        runbook?: string;
        service?: string;
        requested_by?: string;
        text?: string;
        from?: string;
        to?: string;
      }
    >;
  };
  '/api/v1/projects/{project}/runs/{run}': { get: Read<OfRun, RunView> };
  '/api/v1/projects/{project}/runs/{run}/cancel': { post: Act<OfRun, RunView> };
  '/api/v1/projects/{project}/runs/{run}/retry': { post: Operation<OfRun, RunView, RetryRequest> };
  '/api/v1/projects/{project}/runs/{run}/steps/{step}/answer': { post: Operation<OfStep, RunView, AnswerRequest> };
  '/api/v1/projects/{project}/runs/{run}/steps/{step}/decision': { post: Operation<OfStep, RunView, DecisionRequest> };
  '/api/v1/projects/{project}/runs/{run}/steps/{step}/resolve': { post: Operation<OfStep, RunView, ResolveRequest> };
}

export type Paths = Omit<paths, keyof Routes> & Routes;
