import type { Fault, Problem } from './shapes';

/** What the server said is wrong. */
export class ProblemError extends Error {
  readonly problem: Problem;

  constructor(problem: Problem) {
    super(problem.detail);
    this.name = 'ProblemError';
    this.problem = problem;
  }
}

/** The server did not answer at all. */
export class NoAnswerError extends Error {
  constructor(cause: unknown) {
    super('The server does not answer.', { cause });
    this.name = 'NoAnswerError';
  }
}

function isProblem(body: unknown): body is Problem {
  return typeof body === 'object' && body !== null && 'title' in body && 'detail' in body && 'status' in body;
}

/** The body of a refusal as a problem, whatever stands between us and the server. */
export function toProblem(status: number, body: unknown, requestId: string | null): Problem {
  if (isProblem(body)) {
    return { ...body, faults: body.faults ?? [], request_id: body.request_id ?? requestId };
  }
  const text = typeof body === 'string' ? body.trim() : '';
  return {
    type: 'about:blank',
    title: `Status ${status}`,
    status,
    detail: text.length > 0 && text.length < 300 ? text : `The server answered with status ${status}.`,
    hint: status >= 500 ? 'Try again; if it stays, look into the server’s log.' : null,
    faults: [],
    request_id: requestId,
  };
}

export function statusOf(error: unknown): number | null {
  return error instanceof ProblemError ? error.problem.status : null;
}

/** The faults of a refused request, by the path that they name. */
export function faultsByPath(error: unknown): Map<string, Fault[]> {
  const faults = new Map<string, Fault[]>();
  if (error instanceof ProblemError) {
    for (const fault of error.problem.faults ?? []) {
      faults.set(fault.path, [...(faults.get(fault.path) ?? []), fault]);
    }
  }
  return faults;
}
