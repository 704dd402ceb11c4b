import type { Cause, RunView, StepRun } from '../../api/shapes';

const CAUSES: Record<Cause, string> = {
  exit: 'exit code',
  signal: 'signal',
  timeout: 'time was up',
  cannot_start: 'could not start',
  bad_output: 'outputs cannot be read',
  canceled: 'canceled',
  server_lost: 'the server went away',
  left_processes: 'processes were left',
  out_of_memory: 'out of memory',
  lost: 'its end was never learned',
  bad_expression: 'an expression has no value',
  declined: 'declined',
  not_as_expected: 'not as expected',
  busy: 'the lock was full',
  verify: 'what must hold did not',
  step_failed: 'a step in it failed',
};

const SIGNALS: Record<number, string> = {
  1: 'HUP',
  2: 'INT',
  3: 'QUIT',
  4: 'ILL',
  6: 'ABRT',
  7: 'BUS',
  8: 'FPE',
  9: 'KILL',
  11: 'SEGV',
  13: 'PIPE',
  14: 'ALRM',
  15: 'TERM',
  24: 'XCPU',
  25: 'XFSZ',
  31: 'SYS',
};

/** Why, in two or three words: `exit 3`, `signal 9 (KILL)`, `time was up`. */
export function causeOf(step: StepRun): string | null {
  if (step.cause === 'signal' || (!step.cause && typeof step.signal === 'number')) {
    const name = SIGNALS[step.signal ?? 0];
    return `signal ${step.signal ?? '?'}${name ? ` (${name})` : ''}`;
  }
  if (step.cause && step.cause !== 'exit') {
    return CAUSES[step.cause];
  }
  return typeof step.exit_code === 'number' ? `exit ${step.exit_code}` : null;
}

export function causeOfRun(run: RunView): string | null {
  return run.cause ? CAUSES[run.cause] : null;
}
